//! Finding the peers: how often DNS is asked, what is known of each peer, whether a name may stand in pg_hba.conf.

pub mod getent_output;
pub mod hosts_file;
pub mod intervals;
pub mod kept_hosts;
pub mod kept_names;
pub mod libc_view;
pub mod name_check;
pub mod peers;
