//! What the tools do to the world, as far as they can.

use super::world::{World, empty, replaying, server, stopped};
use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;
use crate::greenplum::tool_output::{FailedOn, ToolFailure};
use crate::recovery::facts::server::Server;
use crate::recovery::segments::method::{Method, Run};

impl World {
    /// The tool stops what is out of place, FTS lets the others take over, and the tool brings back what it has stopped.
    pub(crate) fn rebalance(&mut self) -> Option<ToolFailure> {
        if !self.rebalances {
            return Some("cannot stop a server".into());
        }
        for pair in (0..self.contents())
            .filter(|pair| self.is_swapped(*pair))
            .collect::<Vec<_>>()
        {
            let (acting, preferred) = self.acting(pair);
            if self.rows[preferred].up && self.pods[preferred].answers && self.pods[acting].answers {
                self.fail_over(pair);
                self.pods[acting].server = server(Role::Mirror);
            }
        }
        None
    }

    /// The tool's work, as far as it can be done; what it says where it cannot.
    pub(crate) fn run(&mut self, run: &Run) -> Option<ToolFailure> {
        if run.targets.iter().any(|target| !self.pods[self.index(&target.pod)].ssh) {
            return Some("cannot reach a host".into());
        }
        if run.method == Method::Add {
            self.list(run);
        }
        let mut failure = ToolFailure::from("could not find previous WAL record");
        for target in &run.targets {
            let pod = self.index(&target.pod);
            let works = self.pods[pod].answers && (run.method != Method::Incremental || self.pods[pod].rewinds);
            match works && self.serves(pod ^ 1) {
                true => {
                    self.pods[pod].to_replay = self.to_replay;
                    self.pods[pod].server = match self.to_replay {
                        0 => server(Role::Mirror),
                        _ => replaying(0),
                    };
                    self.pods[pod].rewinds = true;
                    self.pods[pod].own_copy = false;
                }
                false => failure.verdict.failed_on.push(FailedOn::Dbid(target.row.dbid)),
            }
        }
        (!failure.verdict.failed_on.is_empty()).then_some(failure)
    }

    /// gpaddmirrors changes the catalog: for all contents, and only where nothing is in the way.
    fn list(&mut self, run: &Run) {
        assert_eq!(run.targets.len(), self.contents(), "for some contents alone");
        for target in &run.targets {
            let pod = self.index(&target.pod);
            let server = &mut self.pods[pod].server;
            if target.unfinished {
                *server = empty();
            }
            assert_eq!(server.directory, Some(DirectoryKind::Absent), "over something");
            // A server that the catalog lists, and that is not there, is refused; see start_decision.
            server.phase = Phase::Refused;
            self.pods[pod].listed = true;
        }
    }

    /// The tool has stopped what is out of place, and dies: FTS lets the others take over, and nobody starts what was stopped.
    pub(crate) fn break_off_rebalance(&mut self, now: u64) {
        let out_of_place = |pair: &usize| {
            let (acting, preferred) = self.acting(*pair);
            let reached = [acting, preferred].iter().all(|pod| self.pods[*pod].answers);
            self.is_swapped(*pair) && self.rows[preferred].up && reached
        };
        for pair in (0..self.contents()).filter(out_of_place).collect::<Vec<_>>() {
            let (acting, _) = self.acting(pair);
            self.fail_over(pair);
            self.pods[acting].server = stopped(&self.pods[acting].server, now);
        }
    }

    /// The tool has stopped its targets, and dies.
    pub(crate) fn stop_targets(&mut self, run: &Run, now: u64) {
        for target in run.targets.iter().filter(|_| run.method != Method::Add) {
            let pod = self.index(&target.pod);
            let directory = self.pods[pod].server.directory;
            let whole = matches!(directory, Some(DirectoryKind::Primary | DirectoryKind::Standby));
            if self.pods[pod].answers && whole {
                self.pods[pod].server = stopped(&self.pods[pod].server, now);
            }
        }
    }

    /// A copy ends in the middle: before or after the catalog was changed, with or without files that it leaves.
    pub(crate) fn break_off(&mut self, run: &Run, changed: bool, files: Option<Server>) {
        if run.method == Method::Add && changed {
            self.list(run);
        }
        let Some(files) = files.filter(|_| matches!(run.method, Method::Add | Method::Full)) else {
            return;
        };
        for target in &run.targets {
            let pod = self.index(&target.pod);
            self.pods[pod].own_copy = true;
            self.pods[pod].server = files.clone();
        }
    }
}
