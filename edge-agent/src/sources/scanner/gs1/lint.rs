//! The dictionary's content checks, by its names for them. What they refuse is told in words.
//! Source: GS1 Barcode Syntax Tests, and ISO/IEC 7064 for pairs of check characters.

/// A check of one component.
#[derive(Debug, Clone, Copy)]
pub struct Lint {
    name: &'static str,
    holds: fn(&str) -> bool,
    otherwise: &'static str,
}

impl Lint {
    /// None for a name that the dictionary does not know.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Lint> {
        LINTS.iter().find(|lint| lint.name == name).copied()
    }

    pub fn check(&self, part: &str) -> Result<(), &'static str> {
        if (self.holds)(part) { Ok(()) } else { Err(self.otherwise) }
    }
}

const fn lint(name: &'static str, holds: fn(&str) -> bool, otherwise: &'static str) -> Lint {
    Lint { name, holds, otherwise }
}

const LINTS: &[Lint] = &[
    lint("csum", check_digit_holds, "its check digit is wrong"),
    lint("csumalpha", check_pair_holds, "its pair of check characters is wrong"),
    lint("gcppos1", |part| begins_with_digits(part, 4), "does not begin with a GS1 company prefix"),
    lint("gcppos2", |part| begins_with_digits(part.get(1..).unwrap_or(""), 4), "holds no GS1 company prefix"),
    lint("yymmd0", |part| date(part, Century::Two, DayZero::Allowed), "is not a date YYMMDD (DD may be 00)"),
    lint("yymmdd", |part| date(part, Century::Two, DayZero::Refused), "is not a date YYMMDD"),
    lint("yyyymmdd", |part| date(part, Century::Four, DayZero::Refused), "is not a date YYYYMMDD"),
    lint("hh", |part| below(part, 24), "is not an hour"),
    lint("mi", |part| below(part, 60), "is not a minute"),
    lint("ss", |part| below(part, 60), "is not a second"),
    lint("hhmi", hour_and_minute, "is not a time HHMI"),
    lint("iso4217", |part| ISO_4217.contains(&part), "is not a currency number of ISO 4217"),
    lint("iso3166", |part| ISO_3166.contains(&part), "is not a country number of ISO 3166"),
    lint("iso3166999", |part| part == "999" || ISO_3166.contains(&part), "is neither 999 nor a country of ISO 3166"),
    lint("iso3166alpha2", |part| country_letters().any(|code| code == part), "is not a country code of ISO 3166"),
    lint("iso5218", |part| ["0", "1", "2", "9"].contains(&part), "is not a sex of ISO 5218"),
    lint("yesno", |part| ["0", "1"].contains(&part), "is neither 0 (no) nor 1 (yes)"),
    lint("pcenc", percent_encoded, "holds a % that is not followed by two hexadecimal digits"),
    lint("latitude", |part| part.parse().is_ok_and(|it: u64| it <= 1_800_000_000), "is not a latitude"),
    lint("longitude", |part| part.parse().is_ok_and(|it: u64| it <= 3_600_000_000), "is not a longitude"),
    lint("hyphen", |part| part.chars().all(|c| c == '-'), "is not a hyphen"),
    lint(
        "importeridx",
        |part| part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
        "is not an importer index",
    ),
    lint(
        "packagetype",
        |part| part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()),
        "is not a package type",
    ),
    lint(
        "mediatype",
        |part| part.parse().is_ok_and(|it: u32| (1..=10).contains(&it) || it >= 80),
        "is not an AIDC media type",
    ),
    lint("nonzero", |part| part.chars().any(|c| c != '0'), "is zero"),
    lint("zero", |part| part.chars().all(|c| c == '0'), "is not zero"),
    lint("winding", |part| ["0", "1", "9"].contains(&part), "is not a winding direction (0, 1 or 9)"),
    lint("pieceoftotal", piece_of_total, "is not a piece of a total"),
    lint("nozeroprefix", |part| part == "0" || !part.starts_with('0'), "begins with a zero"),
    lint("hasnondigit", |part| part.chars().any(|c| !c.is_ascii_digit()), "holds digits only"),
    lint("posinseqslash", position_in_sequence, "is not a position in a sequence such as 1/3"),
    lint("iban", iban_holds, "is not an IBAN"),
    lint("couponcode", |_| true, ""),
    lint("couponposoffer", |_| true, ""),
];

fn digits(part: &str) -> impl DoubleEndedIterator<Item = u32> + '_ {
    part.chars().filter_map(|c| c.to_digit(10))
}

/// Weights 3, 1, 3 … from the digit before the check digit.
#[must_use]
pub fn check_digit_holds(part: &str) -> bool {
    let sum: u32 = digits(part).rev().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    !part.is_empty() && sum.is_multiple_of(10)
}

/// Two check characters over set 82, weighted by primes, modulo 1021 (GS1 General Specifications 7.9.5).
fn check_pair_holds(part: &str) -> bool {
    const SET_82: &str = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    const SET_32: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    const PRIMES: [u32; 23] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83];
    let Some(at) = part.len().checked_sub(2).filter(|at| *at > 0 && part.is_ascii()) else { return false };
    let (body, pair) = part.split_at(at);
    if body.len() > PRIMES.len() {
        return false;
    }
    let values: Option<Vec<u32>> =
        body.chars().map(|c| SET_82.find(c).and_then(|value| u32::try_from(value).ok())).collect();
    let Some(values) = values else { return false };
    let sum: u32 = values.iter().rev().zip(PRIMES).map(|(value, prime)| value * prime).sum::<u32>() % 1021;
    let expected = [SET_32[(sum >> 5) as usize], SET_32[(sum & 31) as usize]];
    pair.as_bytes() == expected
}

fn begins_with_digits(part: &str, count: usize) -> bool {
    part.len() >= count && part.chars().take(count).all(|c| c.is_ascii_digit())
}

fn below(part: &str, limit: u32) -> bool {
    part.parse::<u32>().is_ok_and(|found| found < limit)
}

#[derive(Clone, Copy, PartialEq)]
enum Century {
    /// YY: the century does not matter for what days there are, but for 29 February; every fourth year passes.
    Two,
    Four,
}

#[derive(Clone, Copy, PartialEq)]
enum DayZero {
    /// 00 means no day: the whole month.
    Allowed,
    Refused,
}

fn date(part: &str, century: Century, day_zero: DayZero) -> bool {
    let year_digits = if century == Century::Four { 4 } else { 2 };
    if part.len() != year_digits + 4 || !part.is_ascii() {
        return false;
    }
    let number = |range: std::ops::Range<usize>| part[range].parse::<u32>().unwrap_or(99);
    let year = number(0..year_digits);
    let month = number(year_digits..year_digits + 2);
    let day = number(year_digits + 2..year_digits + 4);
    let leap = if century == Century::Four {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    } else {
        year.is_multiple_of(4)
    };
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    day <= last && (day > 0 || day_zero == DayZero::Allowed)
}

fn hour_and_minute(part: &str) -> bool {
    part.len() == 4 && part.split_at_checked(2).is_some_and(|(hour, minute)| below(hour, 24) && below(minute, 60))
}

fn percent_encoded(part: &str) -> bool {
    part.split('%').skip(1).all(|after| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

fn piece_of_total(part: &str) -> bool {
    let half = part.len() / 2;
    let (Some(piece), Some(total)) = (part.get(..half), part.get(half..)) else { return false };
    match (piece.parse::<u32>(), total.parse::<u32>()) {
        (Ok(piece), Ok(total)) => piece > 0 && piece <= total,
        _ => false,
    }
}

fn position_in_sequence(part: &str) -> bool {
    let Some((position, end)) = part.split_once('/') else { return false };
    match (position.parse::<u32>(), end.parse::<u32>()) {
        (Ok(position), Ok(end)) => position > 0 && position <= end,
        _ => false,
    }
}

/// ISO 13616: the first four characters moved to the end, letters as numbers from 10, modulo 97 is 1.
fn iban_holds(part: &str) -> bool {
    let plain = part.len() > 4 && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let country = part.get(..2).is_some_and(|code| country_letters().any(|known| known == code));
    if !plain || !country {
        return false;
    }
    let (head, tail) = part.split_at(4);
    let remainder = tail.chars().chain(head.chars()).filter_map(|c| c.to_digit(36)).fold(0, |remainder, value| {
        if value < 10 { (remainder * 10 + value) % 97 } else { (remainder * 100 + value) % 97 }
    });
    remainder == 1
}

fn country_letters() -> impl Iterator<Item = &'static str> {
    ISO_3166_ALPHA_2.split(' ')
}

const ISO_3166_ALPHA_2: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO \
BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET \
FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS \
IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP \
MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO \
RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

const ISO_3166: &[&str] = &[
    "004", "008", "010", "012", "016", "020", "024", "028", "031", "032", "036", "040", "044", "048", "050", "051",
    "052", "056", "060", "064", "068", "070", "072", "074", "076", "084", "086", "090", "092", "096", "100", "104",
    "108", "112", "116", "120", "124", "132", "136", "140", "144", "148", "152", "156", "158", "162", "166", "170",
    "174", "175", "178", "180", "184", "188", "191", "192", "196", "203", "204", "208", "212", "214", "218", "222",
    "226", "231", "232", "233", "234", "238", "239", "242", "246", "248", "250", "254", "258", "260", "262", "266",
    "268", "270", "275", "276", "288", "292", "296", "300", "304", "308", "312", "316", "320", "324", "328", "332",
    "334", "336", "340", "344", "348", "352", "356", "360", "364", "368", "372", "376", "380", "384", "388", "392",
    "398", "400", "404", "408", "410", "414", "417", "418", "422", "426", "428", "430", "434", "438", "440", "442",
    "446", "450", "454", "458", "462", "466", "470", "474", "478", "480", "484", "492", "496", "498", "499", "500",
    "504", "508", "512", "516", "520", "524", "528", "531", "533", "534", "535", "540", "548", "554", "558", "562",
    "566", "570", "574", "578", "580", "581", "583", "584", "585", "586", "591", "598", "600", "604", "608", "612",
    "616", "620", "624", "626", "630", "634", "638", "642", "643", "646", "652", "654", "659", "660", "662", "663",
    "666", "670", "674", "678", "682", "686", "688", "690", "694", "702", "703", "704", "705", "706", "710", "716",
    "724", "728", "729", "732", "740", "744", "748", "752", "756", "760", "762", "764", "768", "772", "776", "780",
    "784", "788", "792", "795", "796", "798", "800", "804", "807", "818", "826", "831", "832", "833", "834", "840",
    "850", "854", "858", "860", "862", "876", "882", "887", "894",
];

const ISO_4217: &[&str] = &[
    "008", "012", "032", "036", "044", "048", "050", "051", "052", "060", "064", "068", "072", "084", "090", "096",
    "104", "108", "116", "124", "132", "136", "144", "152", "156", "170", "174", "188", "191", "192", "203", "208",
    "214", "222", "230", "232", "238", "242", "262", "270", "292", "320", "324", "328", "332", "340", "344", "348",
    "352", "356", "360", "364", "368", "376", "388", "392", "396", "398", "400", "404", "408", "410", "414", "417",
    "418", "422", "426", "430", "434", "446", "454", "458", "462", "480", "484", "496", "498", "504", "512", "516",
    "524", "532", "533", "548", "554", "558", "566", "578", "586", "590", "598", "600", "604", "608", "634", "643",
    "646", "654", "682", "690", "694", "702", "704", "706", "710", "728", "748", "752", "756", "760", "764", "776",
    "780", "784", "788", "800", "807", "818", "826", "834", "840", "858", "860", "882", "886", "901", "924", "925",
    "926", "927", "928", "929", "930", "931", "932", "933", "934", "936", "938", "940", "941", "943", "944", "946",
    "947", "948", "949", "950", "951", "952", "953", "955", "956", "957", "958", "959", "960", "961", "962", "963",
    "964", "965", "967", "968", "969", "970", "971", "972", "973", "975", "976", "977", "978", "979", "980", "981",
    "984", "985", "986", "990", "994", "997", "999",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(name: &str, part: &str) -> bool {
        Lint::by_name(name).unwrap().check(part).is_ok()
    }

    #[test]
    fn good_and_bad_content() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("csum", &["09521234543213", "00012345678905", "24012345678905"], &["09521234543214", ""]),
            ("csumalpha", &["1987654Ad4X4bL5ttr2310c2K"], &["1987654Ad4X4bL5ttr2310c2L", "12", ""]),
            ("yymmd0", &["240229", "251200", "230228"], &["230229", "251300", "250132"]),
            ("yymmdd", &["240229"], &["251200"]),
            ("yyyymmdd", &["20000229", "20241231"], &["19000229", "20240000"]),
            ("hhmi", &["0000", "2359"], &["2400", "2360"]),
            ("iso3166", &["276", "756"], &["000", "999"]),
            ("iso3166999", &["999"], &["998"]),
            ("iso3166alpha2", &["DE"], &["ZZ", "de"]),
            ("iso4217", &["978"], &["000"]),
            ("pcenc", &["a%20b", "plain"], &["50%", "a%2"]),
            ("pieceoftotal", &["0102", "0202"], &["0002", "0302", "0000"]),
            ("posinseqslash", &["1/3"], &["4/3", "0/3", "13"]),
            ("iban", &["DE75512108001245126199", "GB33BUKB20201555555555"], &["DE75512108001245126198", "ZZ75"]),
            ("nozeroprefix", &["0", "10"], &["01"]),
            ("winding", &["9"], &["2"]),
        ];
        for (name, good, bad) in table {
            for part in *good {
                assert!(holds(name, part), "{name} {part}");
            }
            for part in *bad {
                assert!(!holds(name, part), "{name} {part}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_lint_panics_on_any_text(part in "\\PC{0,30}") {
            for lint in LINTS {
                let _ = lint.check(&part);
            }
        }

        #[test]
        fn one_wrong_digit_breaks_a_check_digit(body in "[0-9]{13}", at in 0_usize..14, by in 1_u32..10) {
            let check = (0..10).map(|digit| format!("{body}{digit}")).find(|it| check_digit_holds(it)).unwrap();
            let mut wrong: Vec<char> = check.chars().collect();
            wrong[at] = char::from_digit((wrong[at].to_digit(10).unwrap() + by) % 10, 10).unwrap();
            let wrong: String = wrong.into_iter().collect();
            prop_assert!(!check_digit_holds(&wrong));
        }
    }
}
