//! `gp-agent render gpinitsystem`: the files that gpinitsystem is given, and how it is called.

use crate::engine::Greenplum;
use crate::engine::limits::with_derived;
use crate::lifecycle::greenplum::creation;
use crate::lifecycle::startup;
use crate::sys::process::passwd;
use crate::sys::resources::cgroup;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::topology::Topology;
use gp_agent_core::config::Config;
use gp_agent_core::greenplum::gpinitsystem::{CreationRequest, INPUT_FILE, PARAMETERS_FILE, render};
use gp_agent_core::greenplum::version::Family;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// As it would be written here and now; outside of a cluster with what is usual.
pub(super) async fn render_gpinitsystem(config: &Config) -> Result<String> {
    if !config.engine.has_catalog() {
        bail!("engine: postgres has no gpinitsystem; it is Greenplum's");
    }
    let domain = startup::domain(config).context("domain")?;
    let (family, note) = match Greenplum::find(config.greenplum.home.as_deref()).await {
        Ok(greenplum) => (greenplum.version().family, None),
        Err(error) => (Family::G7, Some(format!("{error}; written as for Greenplum 7"))),
    };
    let home = passwd::current().map_or_else(|_| PathBuf::from("/home/gpadmin"), |a| a.home);
    let parameters = with_derived(config.engine, &cgroup::limits(), &config.parameters);
    text(config, &parameters, &domain, family, &home, note.as_deref())
}

fn text(
    config: &Config,
    parameters: &BTreeMap<String, String>,
    domain: &str,
    family: Family,
    home: &Path,
    note: Option<&str>,
) -> Result<String> {
    let (folder, logs) = creation::folders(home);
    let topology = Topology::new(config, domain);
    let plan = render(&CreationRequest {
        topology: &topology,
        family,
        locale: &config.greenplum.locale,
        hba_host_names: true,
        parameters,
        folder: &folder,
        logs: &logs,
    })
    .map_err(|findings| super::findings::all(&findings))?;
    let mut text = format!(
        "# For {family}. HBA_HOSTNAMES is '0' instead when not every pod's name and address lead to each other; the locale\n\
         # is written as the coordinator's `locale -a` spells it.\n"
    );
    if let Some(note) = note {
        text.push_str(&format!("# {note}\n"));
    }
    text.push_str(&format!("\n### {}\n{}", folder.join(INPUT_FILE).display(), plan.input));
    if !plan.parameters.is_empty() {
        let path = folder.join(PARAMETERS_FILE);
        text.push_str(&format!("\n### {}\n{}", path.display(), plan.parameters));
    }
    if !plan.deferred.is_empty() {
        text.push_str(&format!(
            "\n### left to gp-agent.conf, since gpinitsystem would change the values\n{}\n",
            plan.deferred.join("\n")
        ));
    }
    text.push_str(&format!("\n### command\ngpinitsystem {}\n", plan.arguments.join(" ")));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::config::load;

    fn config(rest: &str) -> Config {
        let text = format!("cluster: warehouse\nengine: greenplum\n{rest}\n");
        load(&text, "cluster.yaml", std::iter::empty()).unwrap()
    }

    #[test]
    fn everything_that_gpinitsystem_is_told() {
        let config = config(
            "coordinator: { standby: true }\nsegments: { count: 1, mirrors: segment-b }\n\
             parameters: { log_statement: ddl, search_path: 'a, b' }",
        );
        let home = Path::new("/home/gpadmin");
        let text = text(
            &config,
            &config.parameters,
            "agent.svc",
            Family::G6,
            home,
            Some("no Greenplum here"),
        )
        .unwrap();
        // The folder follows from GP_AGENT_RUN_DIR.
        let (folder, _) = creation::folders(home);
        let text = text.replace(&folder.display().to_string(), "<folder>");
        insta::assert_snapshot!(text, @r"
        # For Greenplum 6. HBA_HOSTNAMES is '0' instead when not every pod's name and address lead to each other; the locale
        # is written as the coordinator's `locale -a` spells it.
        # no Greenplum here

        ### <folder>/gpinitsystem.conf
        # Written by gp-agent for gpinitsystem -I.
        ARRAY_NAME='warehouse'
        TRUSTED_SHELL='ssh'
        ENCODING='UTF-8'
        HEAP_CHECKSUM='on'
        HBA_HOSTNAMES='1'
        CHECK_POINT_SEGMENTS='8'
        QD_PRIMARY_ARRAY='coordinator-0.agent.svc~coordinator-0.agent.svc~5432~/greenplum/gpseg-1~1~-1'
        declare -a PRIMARY_ARRAY=(
        'segment-a-0.agent.svc~segment-a-0.agent.svc~40000~/greenplum/gpseg0~2~0'
        )
        declare -a MIRROR_ARRAY=(
        'segment-b-0.agent.svc~segment-b-0.agent.svc~50000~/greenplum/mirror/gpseg0~3~0'
        )

        ### <folder>/gpinitsystem-parameters.conf
        log_statement='ddl'

        ### left to gp-agent.conf, since gpinitsystem would change the values
        search_path

        ### command
        gpinitsystem -a -I <folder>/gpinitsystem.conf -l /home/gpadmin/gpAdminLogs -n en_US.utf8 -B 1 -p <folder>/gpinitsystem-parameters.conf -s coordinator-1.agent.svc -P 5432 -S /greenplum/gpseg-1
        ");
    }

    #[test]
    fn plain_postgresql_has_none() {
        let text = "cluster: w\nengine: postgres\nsegments: { count: 1 }\n";
        let config = load(text, "cluster.yaml", std::iter::empty()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let error = runtime.unwrap().block_on(render_gpinitsystem(&config)).unwrap_err();
        assert!(error.to_string().contains("engine: postgres"), "{error}");
    }
}
