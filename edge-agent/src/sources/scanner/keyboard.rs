//! From key presses of a scanner in keyboard mode to bytes. Pure.
//!
//! Key numbers: Linux `input-event-codes.h`. A group separator comes as Ctrl and `]`.

use super::configuration::Layout;
use super::gs1::GROUP_SEPARATOR;

const KEY_ENTER: u16 = 28;
const KEY_LEFT_CTRL: u16 = 29;
const KEY_LEFT_SHIFT: u16 = 42;
const KEY_RIGHT_SHIFT: u16 = 54;
const KEY_CAPS_LOCK: u16 = 58;
const KEY_KEYPAD_ENTER: u16 = 96;
const KEY_RIGHT_CTRL: u16 = 97;
const KEY_RIGHT_ALT: u16 = 100;
const KEY_RIGHT_BRACE: u16 = 27;

/// Keys, unshifted, shifted, with AltGr.
type Row = (u16, &'static str, &'static str, &'static str);

const US: &[Row] = &[
    (2, "1234567890-=", "!@#$%^&*()_+", ""),
    (15, "\t", "\t", ""),
    (16, "qwertyuiop[]", "QWERTYUIOP{}", ""),
    (30, "asdfghjkl;'`", "ASDFGHJKL:\"~", ""),
    (43, "\\", "|", ""),
    (44, "zxcvbnm,./", "ZXCVBNM<>?", ""),
    (57, " ", " ", ""),
];

const DE: &[Row] = &[
    (2, "1234567890ß´", "!\"§$%&/()=?`", " ²³   {[]}\\ "),
    (15, "\t", "\t", ""),
    (16, "qwertzuiopü+", "QWERTZUIOPÜ*", "@ €        ~"),
    (30, "asdfghjklöä^", "ASDFGHJKLÖÄ°", ""),
    (43, "#", "'", ""),
    (44, "yxcvbnm,.-", "YXCVBNM;:_", "      µ   "),
    (57, " ", " ", ""),
    (86, "<", ">", "|"),
];

#[derive(Debug)]
pub struct Keyboard {
    rows: &'static [Row],
    shift: bool,
    control: bool,
    alt_graph: bool,
    caps_lock: bool,
}

impl Keyboard {
    #[must_use]
    pub fn new(layout: Layout) -> Keyboard {
        let rows = match layout {
            Layout::Us => US,
            Layout::De => DE,
        };
        Keyboard { rows, shift: false, control: false, alt_graph: false, caps_lock: false }
    }

    /// A key went down or up. What it types, if anything; Enter types a carriage return.
    pub fn key(&mut self, key: u16, down: bool) -> Option<char> {
        match key {
            KEY_LEFT_SHIFT | KEY_RIGHT_SHIFT => self.shift = down,
            KEY_LEFT_CTRL | KEY_RIGHT_CTRL => self.control = down,
            KEY_RIGHT_ALT => self.alt_graph = down,
            KEY_CAPS_LOCK if down => self.caps_lock = !self.caps_lock,
            KEY_ENTER | KEY_KEYPAD_ENTER if down => return Some('\r'),
            _ if down => return self.typed(key),
            _ => {}
        }
        None
    }

    fn typed(&self, key: u16) -> Option<char> {
        if self.control {
            return (key == KEY_RIGHT_BRACE).then(|| char::from(GROUP_SEPARATOR));
        }
        let (first, plain, shifted, with_alt_graph) = self.rows.iter().rev().find(|row| row.0 <= key)?;
        let at = usize::from(key - first);
        let character = |row: &str| row.chars().nth(at);
        if self.alt_graph {
            return character(with_alt_graph).filter(|c| *c != ' ');
        }
        let letter = character(plain).is_some_and(char::is_alphabetic);
        if self.shift != (self.caps_lock && letter) { character(shifted) } else { character(plain) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(layout: Layout, keys: &[(u16, bool)]) -> String {
        let mut keyboard = Keyboard::new(layout);
        keys.iter().filter_map(|(key, down)| keyboard.key(*key, *down)).collect()
    }

    fn press(key: u16) -> [(u16, bool); 2] {
        [(key, true), (key, false)]
    }

    #[test]
    fn shift_holds_until_it_is_released() {
        let keys =
            [&[(KEY_LEFT_SHIFT, true)][..], &press(30), &press(48), &[(KEY_LEFT_SHIFT, false)], &press(46)].concat();
        assert_eq!(typed(Layout::Us, &keys), "ABc");
    }

    #[test]
    fn control_and_bracket_is_a_group_separator() {
        let keys =
            [&[(KEY_LEFT_CTRL, true)][..], &press(KEY_RIGHT_BRACE), &[(KEY_LEFT_CTRL, false)], &press(KEY_ENTER)]
                .concat();
        assert_eq!(typed(Layout::Us, &keys), "\u{1d}\r");
    }

    #[test]
    fn layouts_differ_where_they_should() {
        let keys = [press(21), press(44), press(12)].concat();
        assert_eq!(typed(Layout::Us, &keys), "yz-");
        assert_eq!(typed(Layout::De, &keys), "zyß");
        assert_eq!(typed(Layout::De, &[(KEY_RIGHT_ALT, true), (10, true)]), "]");
    }

    #[test]
    fn caps_lock_turns_letters_only() {
        let keys = [press(KEY_CAPS_LOCK), press(30), press(2)].concat();
        assert_eq!(typed(Layout::Us, &keys), "A1");
    }

    #[test]
    fn no_key_panics() {
        for layout in [Layout::Us, Layout::De] {
            let mut keyboard = Keyboard::new(layout);
            for key in 0..1000 {
                keyboard.key(key, true);
                keyboard.key(key, false);
            }
        }
    }
}
