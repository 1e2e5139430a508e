//! Topic filters: what they match, and whether two of them can match the same topic.

/// Why a filter cannot be subscribed to.
pub(super) fn filter_problem(filter: &str) -> Option<&'static str> {
    if filter.is_empty() || filter.len() > 65_535 {
        return Some("a filter has 1 to 65535 bytes");
    }
    if filter.contains('\0') {
        return Some("a filter has no null character");
    }
    if filter.starts_with("$share/") {
        return Some("shared subscriptions spread messages over clients and lose their order: expected a plain filter");
    }
    let levels: Vec<&str> = filter.split('/').collect();
    for (at, level) in levels.iter().enumerate() {
        if level.contains('#') && (*level != "#" || at + 1 != levels.len()) {
            return Some("`#` must be the whole last level");
        }
        if level.contains('+') && *level != "+" {
            return Some("`+` must be a whole level");
        }
    }
    None
}

/// Whether `filter` matches `topic` (MQTT 5.0, section 4.7). Wildcards do not match a first level that begins with `$`.
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether some topic matches both filters: a broker may then deliver one message twice.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    if (a.starts_with('$') && b.starts_with(['+', '#'])) || (b.starts_with('$') && a.starts_with(['+', '#'])) {
        return false;
    }
    let (mut left, mut right) = (a.split('/'), b.split('/'));
    loop {
        match (left.next(), right.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(x), Some(y)) if x == y || x == "+" || y == "+" => {}
            _ => return false,
        }
    }
}

/// Level `number` of a topic, counted from 1.
pub(super) fn level(topic: &str, number: usize) -> Option<&str> {
    topic.split('/').nth(number.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a", true),
            ("#", "$SYS/uptime", false),
            ("+/uptime", "$SYS/uptime", false),
            ("$SYS/#", "$SYS/uptime", true),
            ("/+", "/x", true),
            ("+", "/x", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn wrong_filters_are_told() {
        for wrong in ["", "a/#/b", "a#", "a/b+", "$share/group/a", "a\0"] {
            assert!(filter_problem(wrong).is_some(), "{wrong:?}");
        }
        for right in ["a", "/", "a/+/b", "#", "+", "a/#", "$SYS/#"] {
            assert_eq!(filter_problem(right), None, "{right:?}");
        }
    }

    proptest! {
        #[test]
        fn filters_that_match_one_topic_overlap(
            topic in "[ab$]{1,2}(/[ab]?){0,3}",
            a in "[ab+#$]{1,2}(/[ab+#]?){0,3}",
            b in "[ab+#$]{1,2}(/[ab+#]?){0,3}",
        ) {
            if filter_problem(&a).is_none() && filter_problem(&b).is_none() && matches(&a, &topic) && matches(&b, &topic) {
                prop_assert!(overlap(&a, &b));
            }
        }
    }
}
