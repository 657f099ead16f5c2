//! Everything that gpinitsystem is told: its input file, its parameters file, its arguments and its environment.
//!
//! The input file is sourced as bash, and its values travel unquoted through further shells on this and on other hosts
//! (`READ_INPUT_CONFIG`, `SET_VAR`, `CHK_DIR` in gpinitsystem and gp_bash_functions.sh). So every value has to be harmless
//! by itself; what is not is refused here, and quoted nevertheless.

mod addmirrors;
mod environment;
mod hosts;
mod initstandby;
mod parameters;
mod plan;
mod request;
mod shell;
#[cfg(test)]
mod tests;

pub use addmirrors::{GPADDMIRRORS_FILE, gpaddmirrors_arguments, gpaddmirrors_file};
pub use environment::must_not_inherit;
pub use initstandby::gpinitstandby_arguments;
pub use plan::{CreationPlan, INPUT_FILE, PARAMETERS_FILE, render};
pub use request::CreationRequest;
