//! A real server whose C library answers what the test wants: its own /etc/hosts in a private mount namespace.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The database superuser that the test itself uses, over the unix socket.
pub(crate) const OWNER: &str = "owner";
/// The first line of every file, so that the test stays able to connect.
pub(crate) const OWNER_LINE: &str = "local postgres owner trust\n";

/// 127.0.0.4 is called liar.test, which leads elsewhere; 127.0.0.5's name looks like another address; 127.0.0.6
/// has no name; ::1 shares a name with 127.0.0.3.
const HOSTS: &str = "127.0.0.1 localhost.test loop\n\
    127.0.0.99 liar.test\n\
    127.0.0.2 Two.Example.TEST two\n\
    127.0.0.3 three.example.test\n\
    127.0.0.4 liar.test\n\
    127.0.0.5 127.0.0.6\n\
    127.0.0.7 seven\n\
    127.0.0.8 eight.three.example.test\n\
    ::1 six.example.test three.example.test\n";

pub(crate) struct Server {
    child: Child,
    directory: tempfile::TempDir,
    user: User,
    pub port: u16,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Creates and starts it, or says why that is not possible here.
    pub(crate) fn start() -> Server {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test needs root, for a mount namespace with its own /etc/hosts"
        );
        let bin = bin_directory();
        let user = ["postgres", "nobody"]
            .iter()
            .find_map(|name| User::from_name(name).unwrap())
            .expect("a user named postgres or nobody to run the server as");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = make_database(path, &user, &bin, port);
        let mut command = in_namespace(path);
        command
            .args([
                "setpriv",
                &format!("--reuid={}", user.uid),
                &format!("--regid={}", user.gid),
            ])
            .arg("--clear-groups")
            .arg(bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .stderr(Stdio::piped());
        let child = command.spawn().expect("unshare");
        let mut server = Server {
            child,
            directory,
            user,
            port,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        server.await_ready();
        server
    }

    fn await_ready(&mut self) {
        let mut log = BufReader::new(self.child.stderr.take().unwrap());
        let mut seen = String::new();
        while !seen.contains("ready to accept connections") {
            let end = log.read_line(&mut seen).unwrap() == 0;
            assert!(!end, "the server did not start:\n{seen}");
        }
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
    }

    pub(crate) fn socket(&self) -> UnixStream {
        let name = format!(".s.PGSQL.{}", self.port);
        UnixStream::connect(self.directory.path().join(name)).unwrap()
    }

    /// Runs SQL on a fresh connection and returns the rows as text.
    pub(crate) fn sql(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(async {
            let (client, connection) = self.connect().await;
            let connection = tokio::spawn(connection);
            let answer = client
                .simple_query(sql)
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            drop(client);
            connection.await.unwrap().unwrap();
            answer.into_iter().filter_map(row).collect()
        })
    }

    async fn connect(
        &self,
    ) -> (
        Client,
        tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>,
    ) {
        tokio_postgres::Config::new()
            .host_path(self.directory.path())
            .port(self.port)
            .user(OWNER)
            .dbname("postgres")
            .connect(NoTls)
            .await
            .expect("the owner's connection")
    }

    /// Its /etc/hosts, seen from outside.
    pub(crate) fn hosts(&self) -> PathBuf {
        self.directory.path().join("hosts")
    }

    /// Replaces pg_hba.conf; PostgreSQL does not see it before [`Server::reload`].
    pub(crate) fn write_hba(&self, text: &str) {
        let path = self.directory.path().join("data/pg_hba.conf");
        fs::write(&path, text).unwrap();
        chown(&path, Some(self.user.uid.as_raw()), Some(self.user.gid.as_raw())).unwrap();
    }

    /// Has the postmaster read pg_hba.conf, and returns when it has: it loads the file before it forks a backend
    /// that knows the new load time.
    pub(crate) fn reload(&self) {
        let loaded = || self.sql("select pg_conf_load_time()");
        let before = loaded();
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGHUP).unwrap();
        while loaded() == before {}
    }

    /// What getnameinfo and getaddrinfo say where the server runs, asked through getent.
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<String> {
        let answer = self.getent("hosts", &address.to_string());
        answer.split_whitespace().nth(1).map(str::to_string)
    }

    pub(crate) fn addresses_of(&self, name: &str) -> Vec<IpAddr> {
        let answer = self.getent("ahosts", name);
        let first = answer.lines().filter_map(|line| line.split_whitespace().next());
        let unique: BTreeSet<IpAddr> = first.map(|word| word.parse().unwrap()).collect();
        unique.into_iter().collect()
    }

    fn getent(&self, database: &str, key: &str) -> String {
        let Output { stdout, .. } = in_namespace(self.directory.path())
            .args(["getent", database, key])
            .output()
            .expect("getent");
        String::from_utf8(stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGQUIT);
        let _ = self.child.wait();
    }
}

/// Name service and database of the server, and where that is.
fn make_database(path: &Path, user: &User, bin: &Path, port: u16) -> PathBuf {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    fs::write(path.join("hosts"), HOSTS).unwrap();
    fs::write(
        path.join("nsswitch.conf"),
        "passwd: files\ngroup: files\nhosts: files\n",
    )
    .unwrap();
    // Only the first line of a name counts, so that a name can lead elsewhere than back.
    fs::write(path.join("host.conf"), "multi off\n").unwrap();
    let data = path.join("data");
    let made = as_user(user, bin.join("initdb"))
        .args(["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"])
        .args(["-U", OWNER, "-D"])
        .arg(&data)
        .output()
        .expect("initdb");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let settings = format!(
        "listen_addresses = '127.0.0.1,::1'\nport = {port}\nunix_socket_directories = '{}'\n\
         fsync = off\nautovacuum = off\npassword_encryption = md5\nssl = off\nmax_connections = 100\n",
        path.display()
    );
    let mut config = fs::OpenOptions::new()
        .append(true)
        .open(data.join("postgresql.conf"))
        .unwrap();
    config.write_all(settings.as_bytes()).unwrap();
    data
}

fn row(message: SimpleQueryMessage) -> Option<Vec<Option<String>>> {
    match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_string)).collect()),
        _ => None,
    }
}

fn as_user(user: &User, program: PathBuf) -> Command {
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={}", user.uid))
        .arg(format!("--regid={}", user.gid))
        .arg("--clear-groups")
        .arg(program)
        .current_dir("/");
    command
}

/// A command that execs its arguments below the test's own /etc/hosts.
fn in_namespace(directory: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(
            "for f in hosts nsswitch.conf host.conf; do mount --bind \"$1/$f\" \"/etc/$f\"; done; \
             shift; exec \"$@\"",
        )
        .arg("sh")
        .arg(directory)
        .current_dir("/");
    command
}

fn bin_directory() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let given = std::env::var_os("PGBIN").map(PathBuf::from);
    given
        .into_iter()
        .chain([PathBuf::from("/usr/lib/postgresql/15/bin")])
        .chain(std::env::split_paths(&path))
        .find(|bin| bin.join("postgres").exists() && bin.join("initdb").exists())
        .expect(
            "PostgreSQL's postgres and initdb, which this test needs: install postgresql-15 (tests/run does), \
             or name their directory in PGBIN",
        )
}
