//! E3: network.

use super::{ANY, Both, F, FO, Holder, I, Standby, W, W_F, after, during, ms, now, recipe, slow, step};
use crate::chaos::fault::When;
use crate::chaos::recipe::Recipe;

/// E3.
pub(super) fn network() -> Vec<Recipe> {
    let flap = |fault| {
        let cut = step(When::After(ms(3000)), Holder, fault, Some(ms(3000)));
        [vec![during(3000, Holder, fault)], vec![cut; 4]].concat()
    };
    vec![
        recipe(
            41,
            "coordinator's machine off",
            &[now(Holder, F::KillContainer)],
            FO,
            14,
        ),
        recipe(42, "coordinator cut from all", &[now(Holder, F::CutOff)], W_F, 16),
        recipe(
            42,
            "coordinator's interface gone",
            &[now(Holder, F::Disconnect)],
            W_F,
            16,
        ),
        recipe(
            44,
            "coordinator cut from the standby alone, for 20 s",
            &[during(20_000, Holder, F::CutFromOther)],
            W_F,
            1,
        ),
        recipe(
            48,
            "standby cut from all for 20 s",
            &[during(20_000, Standby, F::CutOff)],
            W,
            1,
        ),
        recipe(
            48,
            "standby's interface gone for 20 s",
            &[during(20_000, Standby, F::Disconnect)],
            W,
            1,
        ),
        recipe(
            49,
            "both interfaces gone for 15 s",
            &[during(15_000, Both, F::Disconnect)],
            ANY,
            2,
        ),
        recipe(
            50,
            "coordinator cut from the standby every 3 s",
            &flap(F::CutFromOther),
            W_F,
            6,
        ),
        recipe(
            51,
            "nothing reaches the standby for 20 s",
            &[during(20_000, Holder, F::NothingToOther)],
            W_F,
            1,
        ),
        recipe(
            51,
            "nothing comes from the standby for 20 s",
            &[during(20_000, Holder, F::NothingFromOther)],
            W_F,
            1,
        ),
    ]
}

/// E3: some connections alone.
pub(super) fn connections() -> Vec<Recipe> {
    vec![
        // Nobody takes over for it: the one that they do not reach goes on.
        slow(
            25,
            recipe(
                47,
                "coordinator cut from clients alone, for 20 s",
                &[during(20_000, Holder, F::CutFromClients)],
                I,
                1,
            ),
        ),
        recipe(
            52,
            "the stream reset, then the coordinator cut from all",
            &[now(Holder, F::ResetStream), after(100, Holder, F::CutOff)],
            ANY,
            16,
        ),
        recipe(
            61,
            "the agents' port closed for 20 s",
            &[during(20_000, Both, F::AgentsPortClosed)],
            W,
            1,
        ),
    ]
}

/// E3: it is slow, loses some, or knows no names.
pub(super) fn lossy() -> Vec<Recipe> {
    vec![
        recipe(
            54,
            "10 % of packets lost for 20 s",
            &[during(20_000, Holder, F::Lose(10))],
            W_F,
            1,
        ),
        recipe(
            54,
            "packets 100 ms late for 20 s",
            &[during(20_000, Holder, F::Delay(100))],
            W_F,
            1,
        ),
        recipe(
            54,
            "packets 1 s late for 20 s",
            &[during(20_000, Holder, F::Delay(1000))],
            ANY,
            1,
        ),
        recipe(
            55,
            "large packets lost for 20 s",
            &[during(20_000, Holder, F::LargePacketsLost)],
            W_F,
            1,
        ),
        recipe(
            56,
            "no DNS, then the coordinator lost",
            &[now(Standby, F::NoDns), after(1000, Holder, F::KillContainer)],
            FO,
            14,
        ),
    ]
}
