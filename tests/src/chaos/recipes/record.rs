//! E4 and E5: the record, and what is in sync.

use super::{ANY, Both, F, F_X, FO, Holder, P, Standby, W, X, after, during, now, quick, recipe, slow, when};
use crate::chaos::fault::When;
use crate::chaos::outcome::Class;
use crate::chaos::recipe::Recipe;

/// E4, of the file.
pub(super) fn record() -> Vec<Recipe> {
    vec![
        recipe(
            63,
            "record unreachable, then the standby lost",
            &[now(Both, F::HideRecord), after(4000, Standby, F::KillContainer)],
            ANY,
            16,
        ),
        recipe(
            64,
            "standby lost, then the record unreachable",
            &[
                now(Standby, F::KillContainer),
                when(When::NotInSync, Both, F::HideRecord),
            ],
            W,
            14,
        ),
        slow(
            40,
            recipe(
                65,
                "record unreachable, then the coordinator lost, then it is back",
                &[
                    during(14_000, Both, F::HideRecord),
                    after(4000, Holder, F::KillContainer),
                ],
                FO,
                26,
            ),
        ),
        recipe(
            75,
            "directory of the record unreachable for 20 s",
            &[during(20_000, Both, F::HideRecord)],
            W,
            1,
        ),
        quick(
            75,
            "directory of the record read-only for 12 s",
            &[during(12_000, Both, F::ReadOnlyRecord)],
            W,
            // Until the standby's promise is over, it takes over from nobody: that is the next scenario's.
            12,
        ),
        recipe(
            76,
            "record garbled",
            &[during(15_000, Both, F::GarbleRecord)],
            &[Class::Goes, Class::InPlace, Class::Nobody],
            1,
        ),
    ]
}

/// E5: the coordinator is lost.
pub(super) fn data() -> Vec<Recipe> {
    let one_after_the_other = [
        now(Standby, F::KillContainer),
        when(When::NotInSync, Holder, F::Nothing),
    ];
    vec![
        quick(
            81,
            "coordinator lost under load",
            &[now(Holder, F::KillContainer)],
            FO,
            6,
        ),
        recipe(
            82,
            "standby down, writes, coordinator lost, standby back",
            &[
                &one_after_the_other[..],
                &[after(2000, Holder, F::KillContainer), after(1000, Standby, F::Undo)],
            ]
            .concat(),
            X,
            16,
        ),
        Recipe {
            crowd: 20,
            ..recipe(
                83,
                "coordinator lost while the standby catches up",
                &[
                    &one_after_the_other[..],
                    &[after(8000, Standby, F::Undo), after(1500, Holder, F::KillContainer)],
                ]
                .concat(),
                F_X,
                16,
            )
        },
        recipe(
            84,
            "replay paused, then the coordinator lost",
            &[
                during(12_000, Standby, F::PauseReplay),
                after(3000, Holder, F::KillContainer),
            ],
            FO,
            16,
        ),
    ]
}

/// E5: what is in the way of the standby, or of those who write.
pub(super) fn standby() -> Vec<Recipe> {
    vec![
        recipe(85, "standby paused", &[during(15_000, Standby, F::Pause)], W, 1),
        recipe(
            86,
            "standby's volume full for 20 s",
            &[during(20_000, Standby, F::FillVolume)],
            W,
            1,
        ),
        recipe(
            19,
            "writes to the standby's volume hang for 20 s",
            &[during(20_000, Standby, F::FreezeVolume)],
            W,
            1,
        ),
        // All but those that were cancelled wait for as long as the standby stands.
        slow(
            8,
            quick(
                91,
                "statements cancelled while they wait for the standby",
                &[during(3000, Standby, F::Pause), after(1500, Holder, F::CancelAll)],
                W,
                4,
            ),
        ),
        recipe(
            92,
            "crashed with commits that wait, then lost",
            &[
                now(Standby, F::Pause),
                after(500, Holder, F::Kill(P::Postmaster)),
                after(3000, Holder, F::KillContainer),
                after(500, Standby, F::Undo),
            ],
            X,
            16,
        ),
        Recipe {
            crowd: 100,
            ..recipe(
                97,
                "coordinator lost, 100 sessions connect again",
                &[now(Holder, F::KillContainer)],
                FO,
                16,
            )
        },
    ]
}
