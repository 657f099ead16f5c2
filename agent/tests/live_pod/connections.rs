//! A server without a connection for the agent works all the same.

use crate::machine::is_root;
use crate::place::Place;
use crate::pod::Pod;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Error, NoTls};

const CONNECTIONS: usize = 8;

/// Sessions of applications, as the cluster's superuser.
pub(crate) struct Clients {
    runtime: Runtime,
    port: u16,
}

impl Clients {
    pub(crate) fn of(pod: &Pod) -> Clients {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let port = pod.database();
        Clients { runtime, port }
    }

    pub(crate) fn connect(&self, database: &str) -> Result<Client, Error> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user("nobody").dbname(database);
        self.runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        })
    }

    fn run(&self, client: &Client, sql: &str) {
        self.try_to_run(client, sql).unwrap();
    }

    pub(crate) fn try_to_run(&self, client: &Client, sql: &str) -> Result<(), Error> {
        self.runtime.block_on(client.simple_query(sql)).map(drop)
    }

    /// Ends the agent's sessions, as an administrator may who looks for idle ones.
    fn end_sessions_of_the_agent(&self, client: &Client) {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gp-agent'";
        self.run(client, end);
    }
}

fn stays_ready(pod: &Pod) {
    let (code, why) = pod.readiness();
    assert_eq!(code, 200, "{why}");
    assert_eq!(pod.status()["activeRole"], "coordinator");
}

#[test]
fn a_server_without_free_connections_keeps_its_role_and_is_named() {
    if !is_root() {
        return;
    }
    let mut pod = Pod::start(Place::new(&format!("parameters: {{ max_connections: {CONNECTIONS} }}")));
    let clients = Clients::of(&pod);
    let mut held: Vec<Client> = (0..CONNECTIONS)
        .map_while(|_| clients.connect("postgres").ok())
        .collect();
    let full = pod.wait_for_finding("connections for ordinary clients are in use");
    assert!(full["what"].as_str().unwrap().contains("max_connections = 8"), "{full}");
    stays_ready(&pod);
    // The agent's own session is ended, and others are quicker.
    while pod.finding("not even for the agent").is_none() {
        clients.end_sessions_of_the_agent(&held[0]);
        held.extend(std::iter::from_fn(|| clients.connect("postgres").ok()));
        stays_ready(&pod);
    }
    let (_, why) = pod.readiness();
    assert!(why.contains("the server works"), "{why}");
    let none = pod.wait_for_finding("not even for the agent");
    let what = none["what"].as_str().unwrap();
    assert!(
        what.contains("max_connections = 8") && what.contains("superuser_reserved_connections"),
        "{what}"
    );
    // What the finding says to do.
    held.truncate(1);
    pod.wait_until("the agent is let in again", |pod| {
        pod.finding("connections").is_none() && pod.finding("connection").is_none()
    });
    stays_ready(&pod);
    assert_eq!(pod.status()["postmaster"]["answer"], "ok");
}

#[test]
fn a_database_that_is_closed_makes_no_pod_unready() {
    if !is_root() {
        return;
    }
    let mut pod = Pod::start(Place::new(""));
    let clients = Clients::of(&pod);
    let home = clients.connect("postgres").unwrap();
    clients.run(&home, "create database app");
    drop(home);
    let app = clients.connect("app").unwrap();
    clients.run(&app, "alter database postgres with allow_connections false");
    clients.end_sessions_of_the_agent(&app);
    let detour = pod.wait_for_finding("the agent asks in database template1");
    assert!(
        detour["what"]
            .as_str()
            .unwrap()
            .contains("not currently accepting connections"),
        "{detour}"
    );
    stays_ready(&pod);
    // It does not stay where CREATE DATABASE wants to be alone.
    clients.run(&app, "create database another");
    clients.run(&app, "alter database template1 with allow_connections false");
    pod.wait_for_finding("no database lets the agent in");
    stays_ready(&pod);
    clients.run(&app, "alter database template1 with allow_connections true");
    clients.run(&app, "drop database postgres");
    pod.wait_for_finding("the agent asks in database template1");
    // What the finding says to do.
    clients.run(&app, "create database postgres");
    clients.end_sessions_of_the_agent(&app);
    pod.wait_until("it asks where it should", |pod| {
        pod.finding("the agent asks in").is_none()
    });
    stays_ready(&pod);
    pod.has_never_said("refuses the agent");
}

#[test]
fn a_time_limit_of_the_role_is_not_the_agents() {
    if !is_root() {
        return;
    }
    let mut pod = Pod::start(Place::new(""));
    let clients = Clients::of(&pod);
    let client = clients.connect("postgres").unwrap();
    clients.run(&client, "alter role nobody set statement_timeout = '1ms'");
    for _ in 0..3 {
        clients.end_sessions_of_the_agent(&client);
        let seen = pod.status()["postmaster"]["answeredAt"].as_u64().unwrap();
        pod.wait_until("it has answered again", |pod| {
            stays_ready(pod);
            pod.status()["postmaster"]["answeredAt"].as_u64().unwrap() > seen + 1
        });
        assert_eq!(pod.status()["postmaster"]["answer"], "ok");
    }
}
