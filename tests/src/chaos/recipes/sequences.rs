//! E6: sequences, and what people do.

use super::{
    ANY, Both, F, F_X, FO, H, Holder, HolderNow, I, P, Standby, W, X, after, during, now, quick, recipe, slow, when,
};
use crate::chaos::fault::When;
use crate::chaos::recipe::Recipe;

/// E6.
pub(super) fn sequences() -> Vec<Recipe> {
    let over = [now(HolderNow, F::KillContainer), when(When::Moved, Holder, F::Undo)];
    let back = [
        when(When::Whole, HolderNow, F::KillContainer),
        after(4000, Standby, F::Undo),
    ];
    let to_and_fro = [&over[..], &back, &[when(When::Whole, HolderNow, F::Nothing)]].concat();
    let swap = [
        now(HolderNow, F::Switchover),
        after(3000, Holder, F::Nothing),
        when(When::Whole, Holder, F::Nothing),
    ];
    vec![
        recipe(99, "failover, rejoin, failover back", &to_and_fro, ANY, 1),
        slow(15, recipe(99, "switchover ten times", &swap.repeat(10), ANY, 1)),
        recipe(
            100,
            "second loss before the first is in sync again",
            &[
                now(Holder, F::KillContainer),
                when(When::Moved, Standby, F::KillContainer),
                after(500, Holder, F::Undo),
            ],
            X,
            16,
        ),
        slow(
            15,
            recipe(
                101,
                "both killed, both started",
                &[during(1000, Both, F::KillContainer)],
                I,
                12,
            ),
        ),
        slow(
            20,
            recipe(
                101,
                "both killed, the old one alone started",
                &[now(Both, F::KillContainer), after(1000, Holder, F::Undo)],
                I,
                20,
            ),
        ),
        slow(
            20,
            recipe(
                101,
                "both killed, the standby alone started",
                &[now(Both, F::KillContainer), after(1000, Standby, F::Undo)],
                F_X,
                20,
            ),
        ),
        recipe(
            101,
            "both postmasters killed",
            &[now(Both, F::Kill(P::Postmaster))],
            I,
            8,
        ),
        slow(
            30,
            recipe(
                102,
                "both pods stopped in order at once",
                &[during(1000, Both, F::StopContainer(30))],
                I,
                12,
            ),
        ),
    ]
}

/// What people do.
pub(super) fn administrators() -> Vec<Recipe> {
    vec![
        quick(106, "switchover under load", &[now(Holder, F::Switchover)], H, 6),
        recipe(
            106,
            "switchover with a standby that is not there",
            &[
                now(Standby, F::KillContainer),
                when(When::NotInSync, Holder, F::Switchover),
            ],
            W,
            10,
        ),
        recipe(
            107,
            "agent killed in the middle of a switchover",
            &[now(Holder, F::Switchover), after(600, Holder, F::Kill(P::Agent))],
            ANY,
            16,
        ),
        recipe(
            107,
            "standby killed in the middle of a switchover",
            &[now(Holder, F::Switchover), after(700, Standby, F::KillContainer)],
            ANY,
            20,
        ),
        recipe(
            108,
            "paused, then the coordinator lost",
            &[now(Holder, F::PauseFailover), after(1000, Holder, F::KillContainer)],
            X,
            16,
        ),
        recipe(
            109,
            "coordinator held, then its server killed",
            &[now(Holder, F::Hold), after(1000, Holder, F::Kill(P::Postmaster))],
            X,
            14,
        ),
        Recipe {
            may_lose: true,
            ..recipe(
                110,
                "taken over by force; the old one comes back",
                &[
                    now(Standby, F::KillContainer),
                    when(When::NotInSync, Holder, F::Nothing),
                    after(2000, Holder, F::KillContainer),
                    after(500, Standby, F::Undo),
                    after(6000, Standby, F::ForceFailover),
                ],
                FO,
                25,
            )
        },
    ]
}
