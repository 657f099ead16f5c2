//! What a server needs to follow another one, beyond what every server needs.

mod primary_conninfo;
mod replay;
mod required_settings;
mod tablespaces;

pub use primary_conninfo::{StandbySource, names_another};
pub use replay::Pause;
pub(crate) use required_settings::required_by;
pub use required_settings::{PARAMETERS, Required, raised};
pub use tablespaces::{Occupancy, is_servers, place};
