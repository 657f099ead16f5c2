//! E2: agent, init and pod.

use super::{
    ANY, F, FO, H, H_F, Holder, I_F, P, Standby, W, W_F, after, during, ms, now, quick, recipe, slow, step, when,
};
use crate::chaos::fault::When;
use crate::chaos::recipe::Recipe;

/// E2, inside of the container.
pub(super) fn agents() -> Vec<Recipe> {
    let kill = F::Kill(P::Agent);
    let mut often = vec![now(Holder, kill)];
    often.extend([after(700, Holder, kill); 9]);
    vec![
        quick(21, "agent killed", &[now(Holder, kill)], W, 4),
        recipe(21, "agent killed ten times", &often, W, 8),
        recipe(
            22,
            "agent stopped for 30 s",
            &[during(30_000, Holder, F::Freeze(P::Agent))],
            FO,
            1,
        ),
        quick(
            23,
            "agent stopped for 3 s",
            &[during(3000, Holder, F::Freeze(P::Agent))],
            W,
            1,
        ),
        recipe(
            23,
            "standby's agent stopped for 30 s",
            &[during(30_000, Standby, F::Freeze(P::Agent))],
            W,
            1,
        ),
        recipe(
            24,
            "PID 1 stopped for 30 s",
            &[during(30_000, Holder, F::Freeze(P::Init))],
            W_F,
            1,
        ),
        slow(
            9,
            quick(
                25,
                "container paused for 5 s",
                &[during(5000, Holder, F::Pause)],
                W_F,
                1,
            ),
        ),
        recipe(
            25,
            "container paused for 15 s",
            &[during(15_000, Holder, F::Pause)],
            FO,
            4,
        ),
        recipe(
            25,
            "container paused for 60 s",
            &[during(60_000, Holder, F::Pause)],
            FO,
            4,
        ),
        recipe(
            27,
            "a hundredth of a CPU for 30 s",
            &[during(30_000, Holder, F::Throttle)],
            ANY,
            1,
        ),
        recipe(
            76,
            "every process of the pod stopped, and with them the lock",
            &[during(20_000, Holder, F::Freeze(P::All))],
            FO,
            1,
        ),
    ]
}

/// E2, of the container.
pub(super) fn pods() -> Vec<Recipe> {
    vec![
        quick(
            29,
            "PID 1 killed, started again at once",
            &[during(300, Holder, F::Kill(P::Init))],
            I_F,
            8,
        ),
        quick(30, "pod stopped in order", &[now(Holder, F::StopContainer(30))], H, 4),
        quick(
            30,
            "standby's pod stopped in order",
            &[now(Standby, F::StopContainer(30))],
            W,
            4,
        ),
        recipe(
            31,
            "container removed, another on its volume",
            &[during(4000, Holder, F::ReplaceContainer)],
            I_F,
            14,
        ),
        recipe(
            35,
            "both pods restarted, one after the other",
            &[
                now(Standby, F::RestartContainer(20)),
                when(When::Whole, Holder, F::RestartContainer(20)),
            ],
            H,
            8,
        ),
        recipe(
            36,
            "the standby's container killed while it takes over",
            &[
                now(Holder, F::KillContainer),
                step(When::After(ms(1200)), Standby, F::KillContainer, Some(ms(500))),
            ],
            ANY,
            14,
        ),
        recipe(
            39,
            "grace too short for the stop",
            &[now(Holder, F::StopContainer(1))],
            H_F,
            14,
        ),
    ]
}
