//! Whether the place of a coordinator's directory gets a copy of the coordinator without anybody's command.

use crate::postgres::start_decision::DirectoryKind;

/// What the record, the volume and cluster.yaml say.
#[derive(Clone, Copy, Debug)]
pub struct StandbyPlace {
    /// The record names another pod as the one that may write. Without a record nobody knows whom to copy.
    pub follows: bool,
    /// A copy was begun here: what is not whole is that copy's.
    pub begun: bool,
    /// `recovery.standby` is `auto`.
    pub by_itself: bool,
}

/// Whether a copy belongs in place of a directory of kind `own`. `remains` is what the volume has of a database otherwise, and what
/// it remembers of one: then something was lost there, and a person decides.
pub fn belongs(place: StandbyPlace, own: DirectoryKind, remains: Option<&str>) -> bool {
    let new = own == DirectoryKind::Absent && remains.is_none();
    place.follows && !own.is_whole() && (place.begun || place.by_itself && new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use DirectoryKind::{Absent, HalfMade, Primary, Standby};

    #[test]
    fn only_a_new_volume_or_a_copy_that_was_begun_is_filled() {
        for bits in 0u8..8 {
            let place = StandbyPlace {
                follows: bits & 1 != 0,
                begun: bits & 2 != 0,
                by_itself: bits & 4 != 0,
            };
            for own in [Absent, HalfMade, Primary, Standby] {
                for remains in [None, Some("a memory of a database")] {
                    let filled = belongs(place, own, remains);
                    assert!(!filled || (place.follows && !own.is_whole()), "{place:?} {own:?}");
                    let lost = own == HalfMade || remains.is_some();
                    assert!(
                        !filled || place.begun || (place.by_itself && !lost),
                        "{place:?} {own:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_new_volume_beside_the_coordinator_is_filled() {
        let place = StandbyPlace {
            follows: true,
            begun: false,
            by_itself: true,
        };
        assert!(belongs(place, Absent, None));
        assert!(
            !belongs(
                StandbyPlace {
                    follows: false,
                    ..place
                },
                Absent,
                None
            ),
            "nobody to copy"
        );
        assert!(!belongs(
            StandbyPlace {
                by_itself: false,
                ..place
            },
            Absent,
            None
        ));
        assert!(belongs(
            StandbyPlace {
                begun: true,
                by_itself: false,
                ..place
            },
            HalfMade,
            Some("parts")
        ));
    }
}
