//! Libraries that every session loads as it begins. A server starts with any names, and a session that finds no such file is
//! refused (load_libraries in miscinit.c): with a mistake in one of them nobody gets in any more, by a reload alone.

use super::ledger::Parameters;

/// What such lists are called.
pub const SESSION_LIBRARIES: [&str; 2] = ["session_preload_libraries", "local_preload_libraries"];

/// The `shared_preload_libraries` of a trial: with what sessions would load, so that the server program finds it or not.
/// `None` where sessions load nothing.
pub fn preloaded(shared: &str, session: &str, local: &str) -> Option<String> {
    // What anybody may load comes from a folder of its own, and says no other.
    let restricted = |name: &String| match name.contains('/') {
        true => name.clone(),
        false => format!("$libdir/plugins/{name}"),
    };
    let added: Vec<String> = names(session)
        .into_iter()
        .chain(names(local).iter().map(restricted))
        .collect();
    let all = names(shared).into_iter().chain(added.iter().cloned());
    let all: Vec<String> = all.map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    (!added.is_empty()).then(|| all.join(","))
}

/// The names of a list as SplitDirectoriesString (varlena.c) takes it: separated by commas, in quotes where they have any.
fn names(list: &str) -> Vec<String> {
    let (mut names, mut name) = (Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, list.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            c => name.push(c),
        }
    }
    names.push(name);
    let names = names.into_iter().map(|name| name.trim().to_string());
    names.filter(|name| !name.is_empty()).collect()
}

/// Whether the server's words say that a library cannot be loaded (dfmgr.c, in English).
pub fn is_about_a_library(words: &str) -> bool {
    [
        "could not access file",
        "could not load library",
        "incompatible library",
    ]
    .iter()
    .any(|known| words.contains(known))
}

/// Whether the library that the server's words are about is one that `parameters` have sessions load, and not somebody else.
pub fn is_asked_for(words: &str, parameters: &Parameters) -> bool {
    let Some(file) = words.split('"').nth(1) else {
        return false;
    };
    let file = file.strip_prefix("$libdir/plugins/").unwrap_or(file);
    let lists = SESSION_LIBRARIES.iter().filter_map(|name| parameters.get(*name));
    lists
        .flat_map(|list| names(list))
        .any(|name| name == file || name.ends_with(&format!("/{file}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sessions_load_is_tried_as_what_the_server_loads() {
        assert_eq!(preloaded("pg_stat_statements", "", " "), None);
        assert_eq!(
            preloaded("a, b", "auto_explain, \"Odd, name\"", "x,$libdir/plugins/y").as_deref(),
            Some(r#""a","b","auto_explain","Odd, name","$libdir/plugins/x","$libdir/plugins/y""#)
        );
        assert_eq!(preloaded("", "\"a\"\"b\"", "").as_deref(), Some(r#""a""b""#));
    }

    #[test]
    fn a_library_is_told_from_other_trouble() {
        let words = "could not access file \"auto_explan\": No such file or directory";
        assert!(is_about_a_library(words));
        let parameters = |name: &str, list: &str| Parameters::from([(name.to_string(), list.to_string())]);
        assert!(is_asked_for(
            words,
            &parameters("session_preload_libraries", "a, auto_explan")
        ));
        assert!(!is_asked_for(
            words,
            &parameters("session_preload_libraries", "auto_explain")
        ));
        assert!(!is_asked_for(
            words,
            &parameters("shared_preload_libraries", "auto_explan")
        ));
        let plugin = "could not access file \"$libdir/plugins/x\": No such file or directory";
        assert!(is_asked_for(plugin, &parameters("local_preload_libraries", "x")));
        assert!(!is_about_a_library("database \"postgres\" does not exist"));
    }
}
