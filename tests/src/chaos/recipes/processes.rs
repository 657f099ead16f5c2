//! E1: processes of the coordinator.

use super::{ANY, ANY_WRITES, F, F_X, FO, H_F, Holder, I, P, W, X, after, during, now, quick, recipe, slow, when};
use crate::chaos::fault::When;
use crate::chaos::recipe::Recipe;

/// E1.
pub(super) fn processes() -> Vec<Recipe> {
    let crash = F::Crash(P::Backend);
    vec![
        quick(1, "postmaster killed", &[now(Holder, F::Kill(P::Postmaster))], I, 6),
        Recipe {
            crowd: 50,
            ..recipe(
                2,
                "postmaster killed while 50 sessions write",
                &[now(Holder, F::Kill(P::Postmaster))],
                I,
                8,
            )
        },
        quick(
            3,
            "postmaster stopped for 5 s",
            &[during(5000, Holder, F::Freeze(P::Postmaster))],
            W,
            1,
        ),
        recipe(
            3,
            "postmaster stopped for 60 s",
            &[during(60_000, Holder, F::Freeze(P::Postmaster))],
            ANY,
            1,
        ),
        recipe(
            4,
            "a backend crashes, three times in a minute",
            &[
                now(Holder, crash),
                after(15_000, Holder, crash),
                after(15_000, Holder, crash),
            ],
            I,
            6,
        ),
        quick(5, "checkpointer killed", &[now(Holder, F::Kill(P::Checkpointer))], I, 6),
        quick(5, "walwriter killed", &[now(Holder, F::Kill(P::Walwriter))], I, 6),
        recipe(
            6,
            "walsender ended, then the coordinator lost at once",
            &[now(Holder, F::Terminate(P::Walsender)), now(Holder, F::KillContainer)],
            F_X,
            14,
        ),
        recipe(
            7,
            "walsender ended, confirmed again, coordinator lost",
            &[
                now(Holder, F::Terminate(P::Walsender)),
                when(When::NotInSync, Holder, F::Nothing),
                when(When::InSync, Holder, F::KillContainer),
            ],
            FO,
            14,
        ),
    ]
}

/// E1: what is broken, full, or hangs.
pub(super) fn damage() -> Vec<Recipe> {
    vec![
        quick(
            8,
            "pg_ctl stop -m fast by hand",
            &[now(Holder, F::PgCtlStop("fast"))],
            X,
            8,
        ),
        recipe(
            8,
            "pg_ctl stop -m immediate by hand",
            &[now(Holder, F::PgCtlStop("immediate"))],
            X,
            14,
        ),
        slow(
            30,
            recipe(
                12,
                "pg_control broken, then the postmaster killed",
                &[
                    now(Holder, F::BreakControlFile),
                    after(500, Holder, F::Kill(P::Postmaster)),
                ],
                H_F,
                40,
            ),
        ),
        slow(
            30,
            recipe(
                13,
                "data directory closed, then the postmaster killed",
                &[
                    now(Holder, F::CloseDirectory),
                    after(500, Holder, F::Kill(P::Postmaster)),
                ],
                H_F,
                40,
            ),
        ),
        slow(
            30,
            recipe(
                16,
                "every process of the server stopped",
                &[during(40_000, Holder, F::Freeze(P::Server))],
                ANY_WRITES,
                1,
            ),
        ),
        recipe(
            17,
            "coordinator's volume full for 30 s",
            &[during(30_000, Holder, F::FillVolume)],
            ANY,
            1,
        ),
        slow(
            45,
            recipe(
                19,
                "writes to the coordinator's volume hang for 40 s",
                &[during(40_000, Holder, F::FreezeVolume)],
                H_F,
                1,
            ),
        ),
        quick(
            20,
            "a backend killed by the kernel",
            &[now(Holder, F::Kill(P::Backend))],
            I,
            6,
        ),
    ]
}
