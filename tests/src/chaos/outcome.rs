//! What a round came to, and what it should have come to.

use std::fmt;
use std::time::Duration;

/// How it went on, as clients saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// W: writes went on.
    Goes,
    /// I: the same coordinator wrote again.
    InPlace,
    /// H: the role was handed over.
    HandOver,
    /// F: the other coordinator took over.
    Failover,
    /// X: nobody wrote until the fault was over.
    Nobody,
}

impl Class {
    /// The longest time that clients may wait.
    fn bound(self) -> Duration {
        Duration::from_secs(match self {
            Class::Goes => 4,
            Class::InPlace | Class::HandOver => 5,
            Class::Failover | Class::Nobody => 15,
        })
    }

    /// The letter of the table of scenarios.
    pub(super) fn letter(self) -> char {
        match self {
            Class::Goes => 'W',
            Class::InPlace => 'I',
            Class::HandOver => 'H',
            Class::Failover => 'F',
            Class::Nobody => 'X',
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Class::Goes => "goes on",
            Class::InPlace => "in place",
            Class::HandOver => "handed over",
            Class::Failover => "failed over",
            Class::Nobody => "nobody",
        };
        f.pad(&format!("{} {words}", self.letter()))
    }
}

/// What was seen while the faults lasted.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The other coordinator acknowledged something.
    pub moved: bool,
    /// The last that did has stopped acknowledging, or nobody did.
    pub silent: bool,
    /// The last change of the role was an orderly one, as the status says.
    pub in_order: bool,
    /// The longest time without an acknowledgement.
    pub gap: Duration,
}

/// Below this a client has not noticed.
const UNNOTICED: Duration = Duration::from_millis(700);

impl Seen {
    /// Which class that is.
    pub fn class(&self) -> Class {
        match (self.silent, self.moved, self.in_order) {
            (true, _, _) => Class::Nobody,
            (false, true, true) => Class::HandOver,
            (false, true, false) => Class::Failover,
            (false, false, _) if self.gap <= UNNOTICED => Class::Goes,
            (false, false, _) => Class::InPlace,
        }
    }

    /// The class, when it is one of those that are expected, and clients waited no longer than that class may take, or than
    /// `within`.
    ///
    /// # Errors
    /// What else it was, in words.
    pub fn expect(&self, any: &[Class], within: Option<Duration>) -> Result<Class, String> {
        let class = self.class();
        // A write that waited a little has gone on all the same.
        let class = match class {
            Class::InPlace if !any.contains(&class) && any.contains(&Class::Goes) => Class::Goes,
            _ => class,
        };
        let expected: Vec<String> = any.iter().map(|c| c.to_string()).collect();
        let gap = self.gap.as_secs_f64();
        if !any.contains(&class) {
            return Err(format!(
                "expected {}, and it was {class} ({gap:.1} s)",
                expected.join(" or ")
            ));
        }
        let bound = within.unwrap_or(class.bound());
        if class != Class::Nobody && self.gap > bound {
            return Err(format!("{class} took {gap:.1} s, and may take {} s", bound.as_secs()));
        }
        Ok(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(moved: bool, silent: bool, in_order: bool, millis: u64) -> Seen {
        let gap = Duration::from_millis(millis);
        Seen {
            moved,
            silent,
            in_order,
            gap,
        }
    }

    #[test]
    fn what_clients_saw_has_a_class() {
        assert_eq!(seen(false, false, false, 30).class(), Class::Goes);
        assert_eq!(seen(false, false, false, 1200).class(), Class::InPlace);
        assert_eq!(seen(true, false, true, 1200).class(), Class::HandOver);
        assert_eq!(seen(true, false, false, 1200).class(), Class::Failover);
        assert_eq!(seen(true, true, false, 1200).class(), Class::Nobody);
    }

    #[test]
    fn another_class_fails() {
        let over = seen(true, false, false, 2000);
        assert!(over.expect(&[Class::Goes, Class::InPlace], None).is_err());
        assert_eq!(
            over.expect(&[Class::InPlace, Class::Failover], None),
            Ok(Class::Failover)
        );
        let nobody = seen(false, true, false, 60_000);
        assert!(nobody.expect(&[Class::Failover], None).is_err());
        assert_eq!(nobody.expect(&[Class::Nobody], None), Ok(Class::Nobody));
    }

    #[test]
    fn too_slow_fails() {
        let words = seen(true, false, false, 16_000)
            .expect(&[Class::Failover], None)
            .unwrap_err();
        assert_eq!(words, "F failed over took 16.0 s, and may take 15 s");
        assert!(seen(false, false, false, 4500).expect(&[Class::Goes], None).is_err());
        let slow = seen(true, false, false, 16_000);
        assert!(slow.expect(&[Class::Failover], Some(Duration::from_secs(30))).is_ok());
        assert!(slow.expect(&[Class::Failover], Some(Duration::from_secs(9))).is_err());
    }

    #[test]
    fn a_write_that_waited_went_on() {
        let waited = seen(false, false, false, 3100);
        assert_eq!(waited.expect(&[Class::Goes], None), Ok(Class::Goes));
        assert_eq!(waited.expect(&[Class::InPlace], None), Ok(Class::InPlace));
    }
}
