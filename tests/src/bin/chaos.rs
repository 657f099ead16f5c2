//! Hurts a cluster of containers, or one on Kubernetes, for a given time and seed; see `tests/chaos`.

use anyhow::{Context, Result, bail};
use cluster_tests::chaos::plan::Plan;
use cluster_tests::chaos::played::Played;
use cluster_tests::chaos::recipe::Recipe;
use cluster_tests::chaos::round::Playground;
use cluster_tests::chaos::tally::Tally;
use cluster_tests::cluster;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const USAGE: &str = "Usage: chaos [--seconds N] [--seed S] [--round N] [--scenario N ...] [--quick] [--list] [--self-test] \
                     [--lease N] [--keep-going] [--logs DIR] [--kubernetes] [--greenplum]";

/// What the command line asks for.
#[derive(Debug)]
struct Wanted {
    seconds: u64,
    seed: u64,
    round: Option<u64>,
    scenarios: Vec<u8>,
    quick: bool,
    list: bool,
    self_test: bool,
    lease: u32,
    keep_going: bool,
    logs: PathBuf,
    kubernetes: bool,
    greenplum: bool,
}

impl Wanted {
    fn of(mut words: impl Iterator<Item = String>) -> Result<Wanted> {
        let mut wanted = Wanted {
            seconds: 180,
            seed: std::process::id().into(),
            round: None,
            scenarios: Vec::new(),
            quick: false,
            list: false,
            self_test: false,
            lease: 10,
            keep_going: false,
            logs: std::env::temp_dir(),
            kubernetes: false,
            greenplum: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value\n{USAGE}"));
            match word.as_str() {
                "--seconds" => wanted.seconds = value()?.parse()?,
                "--seed" => wanted.seed = value()?.parse()?,
                "--round" => wanted.round = Some(value()?.parse()?),
                "--scenario" => wanted.scenarios.push(value()?.parse()?),
                "--lease" => wanted.lease = value()?.parse()?,
                "--logs" => wanted.logs = value()?.into(),
                "--quick" => wanted.quick = true,
                "--list" => wanted.list = true,
                "--self-test" => wanted.self_test = true,
                "--kubernetes" => wanted.kubernetes = true,
                "--greenplum" => wanted.greenplum = true,
                "--keep-going" => wanted.keep_going = true,
                _ => bail!("unknown argument '{word}'\n{USAGE}"),
            }
        }
        let named = !wanted.scenarios.is_empty() || wanted.quick || wanted.self_test;
        anyhow::ensure!(
            !((wanted.kubernetes || wanted.greenplum) && named),
            "on Kubernetes and with Greenplum there are rounds by seed alone; the named scenarios are played on containers"
        );
        anyhow::ensure!(
            !(wanted.kubernetes && wanted.greenplum),
            "Greenplum is hurt on containers alone"
        );
        Ok(wanted)
    }

    /// The recipes that are asked for.
    fn recipes(&self) -> Result<Vec<Recipe>> {
        let all = Recipe::all();
        for number in &self.scenarios {
            let known = all.iter().any(|recipe| recipe.number == *number);
            anyhow::ensure!(
                known,
                "containers cannot play scenario {number}; --list shows those that they can"
            );
        }
        let asked = |recipe: &Recipe| self.scenarios.contains(&recipe.number) || (self.quick && recipe.quick);
        Ok(all.into_iter().filter(asked).collect())
    }
}

fn main() -> ExitCode {
    match Wanted::of(std::env::args().skip(1)).and_then(|wanted| run(&wanted)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("chaos: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &Wanted) -> Result<bool> {
    if wanted.list {
        for recipe in Recipe::all() {
            println!("{}", recipe.line());
        }
        return Ok(true);
    }
    let over = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, over.clone())?;
    }
    if !wanted.kubernetes {
        cluster::sweep();
    }
    if wanted.self_test {
        return finds_losses(wanted.lease);
    }
    let mut run = Run {
        wanted,
        over,
        ground: None,
        tally: Tally::default(),
    };
    let recipes = wanted.recipes()?;
    let played = if recipes.is_empty() {
        run.rounds()
    } else {
        run.scenarios(&recipes)
    };
    println!("\n{}", run.tally);
    played.map(|()| !run.tally.has_failed())
}

/// A check that finds nothing proves nothing: where commits wait for no disk, a lost coordinator has to cost rows.
fn finds_losses(lease: u32) -> Result<bool> {
    let lost_under_load = Recipe::all().into_iter().find(|recipe| recipe.number == 81);
    let recipe = lost_under_load.context("no scenario 81")?;
    let played = Playground::up(lease, &[("synchronous_commit", "off")])?.play(&recipe.plan(), Some(&recipe));
    println!("self-test, synchronous_commit = off: {}\n    {played}", recipe.plan());
    if played.lost == 0 {
        println!("no loss was found, although commits waited for nothing");
    }
    Ok(played.lost > 0)
}

struct Run<'a> {
    wanted: &'a Wanted,
    over: Arc<AtomicBool>,
    ground: Option<Playground>,
    tally: Tally,
}

impl Run<'_> {
    fn rounds(&mut self) -> Result<()> {
        let seed = self.wanted.seed;
        println!("seed {seed}");
        self.ready()?;
        let begin = Instant::now();
        let (first, last) = self.wanted.round.map_or((1, u64::MAX), |round| (round, round));
        for round in first..=last {
            let out = begin.elapsed() >= Duration::from_secs(self.wanted.seconds);
            if self.over.load(Ordering::Relaxed) || (out && self.wanted.round.is_none()) {
                break;
            }
            let (plan, on) = match (self.wanted.kubernetes, self.wanted.greenplum) {
                (true, _) => (Plan::of_nodes(seed, round), "nodes "),
                (false, true) => (Plan::of_greenplum(seed, round), "Greenplum "),
                (false, false) => (Plan::of(seed, round), ""),
            };
            let name = format!("{on}seed {seed} round {round}");
            if !self.play(&name, &plan, None)? {
                break;
            }
        }
        Ok(())
    }

    fn scenarios(&mut self, recipes: &[Recipe]) -> Result<()> {
        for recipe in recipes {
            let name = format!("scenario {} {}", recipe.number, recipe.title);
            let interrupted = self.over.load(Ordering::Relaxed);
            if interrupted || !self.play(&name, &recipe.plan(), Some(recipe))? {
                break;
            }
        }
        Ok(())
    }

    fn ready(&mut self) -> Result<&Playground> {
        if self.ground.is_none() {
            let lease = self.wanted.lease;
            let ground = match (self.wanted.kubernetes, self.wanted.greenplum) {
                (true, _) => Playground::on_nodes(lease),
                (false, true) => Playground::greenplum(lease),
                (false, false) => Playground::up(lease, &[]),
            };
            self.ground = Some(ground.context("no cluster comes up")?);
        }
        self.ground.as_ref().context("no cluster")
    }

    /// Whether there is to be another round.
    fn play(&mut self, name: &str, plan: &Plan, recipe: Option<&Recipe>) -> Result<bool> {
        println!("{name}: {plan}");
        let played = self.ready()?.play(plan, recipe);
        println!("    {played}");
        self.tally.add(&played);
        if played.failure.is_some() {
            self.keep(name, plan, &played)?;
            // The next round begins with another cluster.
            self.ground = None;
        }
        Ok(played.failure.is_none() || self.wanted.keep_going)
    }

    fn keep(&self, name: &str, plan: &Plan, played: &Played) -> Result<()> {
        let dir = self
            .wanted
            .logs
            .join(format!("gp-agent-chaos {name}").replace(' ', "-"));
        if let Some(ground) = &self.ground {
            ground.bed.keep_all(&dir)?;
        }
        std::fs::write(dir.join("round.txt"), format!("{name}: {plan}\n{played}\n"))?;
        println!(
            "    {name} with the image {}: logs are in {}",
            cluster_tests::docker::image(),
            dir.display()
        );
        Ok(())
    }
}
