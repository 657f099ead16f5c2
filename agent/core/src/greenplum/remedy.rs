//! What brings a pod and its row of the catalog together: command lines for an administrator, each tried on Greenplum 6 and 7.
//!
//! The tools differ in what they act on. gprecoverseg takes only rows that FTS has marked down, and says "No segments to
//! recover" of others; gpaddmirrors refuses a catalog that has any mirror; gpinitstandby refuses a catalog that has a
//! standby, and a directory that exists; gpexpand alone adds contents.

use crate::cluster::catalog::{Catalog, CatalogRole, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::topology::{Member, Role};
use std::collections::BTreeMap;

const THERE: &str = "in the active coordinator's pod";

/// What the catalog lists.
#[derive(Clone, Debug)]
pub(crate) struct Listed<'a> {
    by_content: BTreeMap<ContentId, Vec<&'a Segment>>,
    has_mirrors: bool,
    next_dbid: i32,
    whole: bool,
}

impl<'a> Listed<'a> {
    /// All rows.
    pub(super) fn of(catalog: &'a Catalog) -> Listed<'a> {
        let mut by_content: BTreeMap<ContentId, Vec<&Segment>> = BTreeMap::new();
        for row in &catalog.segments {
            by_content.entry(row.content).or_default().push(row);
        }
        let mut rows = catalog.segments.iter();
        Listed {
            by_content,
            has_mirrors: rows.any(|row| row.content.is_segment() && row.preferred_role == CatalogRole::Mirror),
            next_dbid: catalog.segments.iter().map(|row| row.dbid).max().unwrap_or(0) + 1,
            whole: true,
        }
    }

    /// Those of the pod's content, which are all that it asks for.
    pub(super) fn of_one_content(catalog: &'a Catalog) -> Listed<'a> {
        Listed {
            whole: false,
            ..Listed::of(catalog)
        }
    }

    fn rows(&self, content: ContentId) -> &[&'a Segment] {
        self.by_content.get(&content).map_or(&[], Vec::as_slice)
    }
}

/// Adds a pod that the catalog does not list. `occupied`: whether it has a data directory.
pub(crate) fn add(member: &Member, listed: &Listed<'_>, occupied: bool) -> String {
    let rows = listed.rows(member.content);
    if member.content.is_coordinator() {
        let standby = rows.iter().any(|row| row.role == CatalogRole::Mirror);
        return make_standby(member, listed.whole.then_some(standby), occupied);
    }
    let how = match rows.iter().find(|row| row.preferred_role == made_as(member)) {
        Some(row) => move_here(member, row),
        None if rows.is_empty() => expand(member, listed),
        None => add_mirror(member, listed),
    };
    match occupied {
        true => format!("mount the right volume, or {}; then {how}", set_aside(member)),
        false => how,
    }
}

fn made_as(member: &Member) -> CatalogRole {
    match member.role {
        Role::Mirror | Role::Standby => CatalogRole::Mirror,
        Role::Primary | Role::Coordinator => CatalogRole::Primary,
    }
}

fn set_aside(member: &Member) -> String {
    let dir = member.data_dir.display();
    // A hold stops no server. Where none runs pg_ctl says so, and no harm is done.
    format!(
        "set the directory aside (in this pod: gp-agent hold; pg_ctl stop -m fast -D {dir}; mv {dir} {dir}.old; gp-agent resume)"
    )
}

/// The pod becomes the standby. `listed`: whether the catalog has a standby's row, where that is known.
pub(crate) fn make_standby(member: &Member, listed: Option<bool>, occupied: bool) -> String {
    let aside = match occupied {
        true => format!("{}; then ", set_aside(member)),
        false => String::new(),
    };
    let remove = match listed {
        Some(true) => "gpinitstandby -a -r, and ",
        _ => "",
    };
    let unsure = match listed {
        None => "; before that gpinitstandby -a -r when the catalog lists a standby",
        Some(_) => "",
    };
    let (host, port, dir) = (&member.fqdn, member.port, member.data_dir.display());
    format!("{aside}{THERE}: {remove}gpinitstandby -a -s {host} -P {port} -S {dir}{unsure}")
}

/// The catalog has this server, on another host. Primaries cannot be moved, they change places with a mirror first.
fn move_here(member: &Member, row: &Segment) -> String {
    let file = format!(
        "FILE with the line \"{}|{}|{} {}|{}|{}\"",
        row.address,
        row.port,
        row.datadir.display(),
        member.fqdn,
        member.port,
        member.data_dir.display()
    );
    match (row.role, row.up) {
        (CatalogRole::Mirror, true) => format!("{THERE}: gpmovemirrors -i FILE moves it here, {file}"),
        (CatalogRole::Mirror, false) => format!("{THERE}: gprecoverseg -a -i FILE recovers it here, {file}"),
        (CatalogRole::Primary, _) => format!(
            "put {} back into cluster.yaml, or, once its mirror has taken over, {THERE}: gprecoverseg -a -i FILE, {file}",
            row.address
        ),
    }
}

/// A line of gpexpand's file. It takes the numbers that follow the highest one alone, without a gap (gparray.py,
/// `validateExpansionSegs`: "Expansion segments have incorrect dbids"), and packs a segment's directory into the one that it is
/// called in, which in a pod is read-only at first.
fn expand(member: &Member, listed: &Listed<'_>) -> String {
    let (host, port, dir, content) = (&member.fqdn, member.port, member.data_dir.display(), member.content);
    let role = made_as(member).letter();
    let next = match listed.whole {
        true => listed.next_dbid.to_string(),
        false => "the number after the highest one".into(),
    };
    format!(
        "nothing has to be done: the active coordinator's agent adds it once every new pod is ready, and says what it waits for; by hand, {THERE}, \
         in a directory on its volume, since the tool writes where it is: gpexpand -i FILE, with a line for each new pod, for this one \
         \"{host}|{host}|{port}|{dir}|DBID|{content}|{role}\"; DBID counts up from line to line, from {next} on; \
         or lower segments.count"
    )
}

/// gpaddmirrors is for a cluster without any; what it would write into the catalog of another one can be written by hand.
fn add_mirror(member: &Member, listed: &Listed<'_>) -> String {
    let (host, port, dir, content) = (&member.fqdn, member.port, member.data_dir.display(), member.content);
    let all = format!(
        "{THERE}: gpaddmirrors -a -i FILE, with a line for each mirror, for this one \"{content}|{host}|{port}|{dir}\""
    );
    let one = format!(
        "{THERE}: psql -c \"select gp_add_segment_mirror({content}::int2, '{host}', '{host}', {port}, '{dir}')\" \
         -c \"select gp_request_fts_probe_scan()\", then gprecoverseg -a -F"
    );
    match (listed.has_mirrors, listed.whole) {
        (true, _) => one,
        (false, true) => all,
        (false, false) => format!("when the catalog lists no mirror at all, {all}; otherwise {one}"),
    }
}

/// Before FTS has marked a row down, no tool touches it.
fn once_down(row: &Segment) -> &'static str {
    match row.up {
        true => {
            "once FTS has marked it down (select gp_request_fts_probe_scan(), gp_fts_mark_mirror_down_grace_period after its stream ended), "
        }
        false => "",
    }
}

/// A directory that is there becomes the mirror's again.
pub(crate) fn recover(row: &Segment) -> String {
    format!(
        "{}{THERE}: gprecoverseg -a makes it the mirror again; its agent does so by itself where recovery.segments is auto, and says what it waits for",
        once_down(row)
    )
}

/// A directory that is not there is copied.
pub(crate) fn copy(row: &Segment) -> String {
    let copied = format!(
        "{THERE}: gprecoverseg -a -F copies it from its primary; its agent fills a new volume by itself where recovery.segments is auto"
    );
    match row.role {
        CatalogRole::Mirror => format!("{}{copied}", once_down(row)),
        CatalogRole::Primary => {
            format!("bring the lost volume back; with a mirror in sync FTS lets that take over, then {copied}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{large_catalog, large_topology};
    use proptest::prelude::*;

    /// Contents 0 and 1 with everything, as the catalog sees it when `keep` says so.
    fn catalog(keep: impl Fn(&Segment) -> bool) -> Catalog {
        let mut catalog = large_catalog(&large_topology(2));
        catalog.segments.retain(|row| keep(row));
        catalog
    }

    fn said(pod: &str, catalog: &Catalog, occupied: bool) -> String {
        add(large_topology(3).member(pod).unwrap(), &Listed::of(catalog), occupied)
    }

    #[test]
    fn each_lack_has_the_tool_that_mends_it() {
        let is_mirror = |row: &Segment| row.preferred_role == CatalogRole::Mirror;
        let of_one = |row: &Segment| row.content == ContentId::new(0);
        let full = catalog(|_| true);
        let without_mirrors = catalog(|row| !is_mirror(row) || row.content.is_coordinator());
        let without_one = catalog(|row| !(is_mirror(row) && of_one(row)));
        let without_standby = catalog(|row| !(is_mirror(row) && row.content.is_coordinator()));
        let mut elsewhere = full.clone();
        for row in &mut elsewhere.segments {
            row.address = row.address.replace("segment-b-0", "segment-c-0");
        }
        let mut down = elsewhere.clone();
        down.segments.iter_mut().for_each(|row| row.up = false);
        let mut replaced = full.clone();
        for row in &mut replaced.segments {
            row.address = row.address.replace("coordinator-1", "other");
        }
        let told = [
            said("segment-a-2", &full, false),
            said("segment-b-2", &full, false),
            said("segment-b-0", &without_mirrors, false),
            said("segment-b-0", &without_one, false),
            said("segment-b-0", &elsewhere, false),
            said("segment-b-0", &down, true),
            said("coordinator-1", &without_standby, false),
            said("coordinator-1", &replaced, true),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
        nothing has to be done: the active coordinator's agent adds it once every new pod is ready, and says what it waits for; by hand, in the active coordinator's pod, in a directory on its volume, since the tool writes where it is: gpexpand -i FILE, with a line for each new pod, for this one "segment-a-2.gp|segment-a-2.gp|40000|/greenplum/gpseg2|DBID|2|p"; DBID counts up from line to line, from 6 on; or lower segments.count
        nothing has to be done: the active coordinator's agent adds it once every new pod is ready, and says what it waits for; by hand, in the active coordinator's pod, in a directory on its volume, since the tool writes where it is: gpexpand -i FILE, with a line for each new pod, for this one "segment-b-2.gp|segment-b-2.gp|50000|/greenplum/mirror/gpseg2|DBID|2|m"; DBID counts up from line to line, from 6 on; or lower segments.count
        in the active coordinator's pod: gpaddmirrors -a -i FILE, with a line for each mirror, for this one "0|segment-b-0.gp|50000|/greenplum/mirror/gpseg0"
        in the active coordinator's pod: psql -c "select gp_add_segment_mirror(0::int2, 'segment-b-0.gp', 'segment-b-0.gp', 50000, '/greenplum/mirror/gpseg0')" -c "select gp_request_fts_probe_scan()", then gprecoverseg -a -F
        in the active coordinator's pod: gpmovemirrors -i FILE moves it here, FILE with the line "segment-c-0.gp|50000|/greenplum/mirror/gpseg0 segment-b-0.gp|50000|/greenplum/mirror/gpseg0"
        mount the right volume, or set the directory aside (in this pod: gp-agent hold; pg_ctl stop -m fast -D /greenplum/mirror/gpseg0; mv /greenplum/mirror/gpseg0 /greenplum/mirror/gpseg0.old; gp-agent resume); then in the active coordinator's pod: gprecoverseg -a -i FILE recovers it here, FILE with the line "segment-c-0.gp|50000|/greenplum/mirror/gpseg0 segment-b-0.gp|50000|/greenplum/mirror/gpseg0"
        in the active coordinator's pod: gpinitstandby -a -s coordinator-1.gp -P 5432 -S /greenplum/gpseg-1
        set the directory aside (in this pod: gp-agent hold; pg_ctl stop -m fast -D /greenplum/gpseg-1; mv /greenplum/gpseg-1 /greenplum/gpseg-1.old; gp-agent resume); then in the active coordinator's pod: gpinitstandby -a -r, and gpinitstandby -a -s coordinator-1.gp -P 5432 -S /greenplum/gpseg-1
        "#);
    }

    #[test]
    fn a_pod_that_knows_its_own_content_alone_says_both() {
        let mut catalog = catalog(|row| row.preferred_role == CatalogRole::Primary);
        catalog.segments.retain(|row| row.content == ContentId::new(0));
        let topology = large_topology(2);
        let mirror = topology.member("segment-b-0").unwrap();
        let told = add(mirror, &Listed::of_one_content(&catalog), false);
        assert!(
            told.contains("gpaddmirrors") && told.contains("gp_add_segment_mirror"),
            "{told}"
        );
        let other = topology.member("segment-a-1").unwrap();
        let told = add(other, &Listed::of_one_content(&catalog), false);
        assert!(
            told.contains("gpexpand") && told.contains("after the highest one"),
            "{told}"
        );
    }

    #[test]
    fn gprecoverseg_comes_after_fts() {
        let mut row = catalog(|_| true).segments[2].clone();
        row.role = CatalogRole::Mirror;
        for (up, waits) in [(true, true), (false, false)] {
            row.up = up;
            assert_eq!(recover(&row).contains("once FTS has marked it down"), waits);
            assert_eq!(copy(&row).contains("once FTS has marked it down"), waits);
        }
    }

    proptest! {
        /// No tool is named that refuses the catalog as it is.
        #[test]
        fn no_tool_is_named_that_refuses(
            kept in proptest::collection::vec(any::<bool>(), 6),
            up in any::<bool>(),
            pod in 0usize..8,
            occupied in any::<bool>(),
        ) {
            let topology = large_topology(3);
            let mut catalog = large_catalog(&large_topology(2));
            let mut keep = kept.iter();
            catalog.segments.retain(|_| *keep.next().unwrap_or(&true));
            catalog.segments.iter_mut().for_each(|row| row.up = up);
            let member = &topology.members[pod];
            prop_assume!(catalog.of(member).is_none());
            let told = add(member, &Listed::of(&catalog), occupied);
            let segments = || catalog.segments.iter().filter(|row| row.content.is_segment());
            let mirrors = segments().any(|row| row.preferred_role == CatalogRole::Mirror);
            let content = segments().any(|row| row.content == member.content);
            let standby = catalog.segments.iter().any(|row| row.content.is_coordinator() && row.role == CatalogRole::Mirror);
            prop_assert!(!(mirrors && told.contains("gpaddmirrors")), "{}", told);
            prop_assert!(!(content && told.contains("gpexpand")), "{}", told);
            prop_assert!(!(standby && told.contains("gpinitstandby -a -s") && !told.contains("gpinitstandby -a -r")), "{}", told);
            prop_assert!(!occupied || told.contains("set the directory aside"), "{}", told);
        }
    }
}
