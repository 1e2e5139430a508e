/**
 * What is wrong with a code, in German. The agent says it in English, as it is stored with the scan:
 * `edge-agent/src/sources/scanner/gs1`. The titles of identifiers are GS1's own and stay.
 */

const RULES: Record<string, string> = {
  "its check digit is wrong": "die Prüfziffer ist falsch",
  "its pair of check characters is wrong": "die beiden Prüfzeichen sind falsch",
  "does not begin with a GS1 company prefix": "beginnt nicht mit einer GS1-Basisnummer",
  "holds no GS1 company prefix": "enthält keine GS1-Basisnummer",
  "is not a date YYMMDD (DD may be 00)": "ist kein Datum JJMMTT (TT darf 00 sein)",
  "is not a date YYMMDD": "ist kein Datum JJMMTT",
  "is not a date YYYYMMDD": "ist kein Datum JJJJMMTT",
  "is not an hour": "ist keine Stunde",
  "is not a minute": "ist keine Minute",
  "is not a second": "ist keine Sekunde",
  "is not a time HHMI": "ist keine Uhrzeit HHMM",
  "is not a currency number of ISO 4217": "ist keine Währungsnummer nach ISO 4217",
  "is not a country number of ISO 3166": "ist keine Ländernummer nach ISO 3166",
  "is neither 999 nor a country of ISO 3166": "ist weder 999 noch ein Land nach ISO 3166",
  "is not a country code of ISO 3166": "ist kein Ländercode nach ISO 3166",
  "is not a sex of ISO 5218": "ist kein Geschlecht nach ISO 5218",
  "is neither 0 (no) nor 1 (yes)": "ist weder 0 (nein) noch 1 (ja)",
  "holds a % that is not followed by two hexadecimal digits":
    "enthält ein %, auf das keine zwei Hexadezimalziffern folgen",
  "is not a latitude": "ist keine geografische Breite",
  "is not a longitude": "ist keine geografische Länge",
  "is not a hyphen": "ist kein Bindestrich",
  "is not an importer index": "ist kein Importeurindex",
  "is not a package type": "ist kein Verpackungstyp",
  "is not an AIDC media type": "ist kein AIDC-Medientyp",
  "is zero": "ist null",
  "is not zero": "ist nicht null",
  "is not a winding direction (0, 1 or 9)": "ist keine Wickelrichtung (0, 1 oder 9)",
  "is not a piece of a total": "ist kein Teil einer Gesamtzahl",
  "begins with a zero": "beginnt mit einer Null",
  "holds digits only": "enthält nur Ziffern",
  "is not a position in a sequence such as 1/3": "ist keine Stelle in einer Folge wie 1/3",
  "is not an IBAN": "ist keine IBAN",
  "has qualifiers that its key does not take, or in another order":
    "hat Zusätze, die zu seinem Schlüssel nicht gehören, oder in anderer Reihenfolge",
  "carries an identifier in its query that may not stand there":
    "hat hinter dem Fragezeichen einen Datenbezeichner, der dort nicht stehen darf",
  "holds bytes that are no text": "enthält Bytes, die kein Text sind",
  "no data": "keine Daten",
  "it is no text": "kein Text",
};

const CHARACTERS: Record<string, string> = {
  digits: "Ziffern",
  "characters of set 82": "Zeichen des Satzes 82",
  "characters of set 39": "Zeichen des Satzes 39",
  base64url: "base64url",
};

type Form = [english: RegExp, german: (...found: string[]) => string];

/** Those with something of the code in them. */
const FORMS: Form[] = [
  [
    /^no GS1 application identifier begins with (".*") at position (\d+)$/s,
    (_, found, at) => `an Stelle ${at} steht kein GS1-Datenbezeichner: ${found}`,
  ],
  [/^(\(\d+\)) stands twice with different values$/, (_, ai) => `${ai} steht zweimal mit verschiedenen Werten`],
  [/^(\(\d+\)) must not stand with (\(\d+\))$/, (_, one, other) => `${one} darf nicht mit ${other} stehen`],
  [
    /^(\(\d+\)) needs (.+)$/,
    (_, ai, wanted = "") => `${ai} braucht ${wanted.replaceAll(" with ", " mit ").replaceAll(" or ", " oder ")}`,
  ],
  [/^the Digital Link (.+)$/s, (_, problem = "") => `der Digital Link ${inGerman(problem)}`],
  [/^(\(\d+\) [^:]+): (.+)$/s, (_, element, problem = "") => `${element}: ${inGerman(problem)}`],
  [/^(\d+) characters too many: (.+)$/s, (_, count, found) => `${count} Zeichen zu viel: ${found}`],
  [
    /^(\d+) characters, expected (.+)$/,
    (_, count, expected = "") => `${count} Zeichen, erwartet ${expected.replace(" to ", " bis ")}`,
  ],
  [
    /^('.+') is not allowed: expected (.+)$/s,
    (_, found, set = "") => `${found} ist nicht erlaubt: erwartet ${CHARACTERS[set] ?? "andere Zeichen"}`,
  ],
];

/** One that is not known, of an agent that is newer than this page, is told for what it is. */
export function inGerman(problem: string): string {
  const rule = RULES[problem];
  if (rule !== undefined) return rule;
  for (const [english, german] of FORMS) {
    const found = english.exec(problem);
    if (found) return german(...found);
  }
  return "verstößt gegen eine Regel von GS1";
}
