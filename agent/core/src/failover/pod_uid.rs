//! The UID that stands for a pod where there is no Kubernetes to give it one, as a line on its volume.

/// The length of every UID (RFC 9562).
const LENGTH: usize = 36;

/// What a volume keeps for the pod of that name.
pub fn line(pod: &str, uid: &str) -> String {
    format!("{pod} {uid}\n")
}

/// The UID that the line says for the pod of that name; one that was made for another name is not this pod's.
pub fn of_pod<'a>(line: &'a str, pod: &str) -> Option<&'a str> {
    let (name, uid) = line.strip_suffix('\n')?.split_once(' ')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (name == pod && uid.len() == LENGTH && uid.chars().all(plain)).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_line_of_this_pod_has_its_uid() {
        let uid = "0a1b2c3d-0000-4000-8000-00000000000f";
        let whole = line("coordinator-0", uid);
        assert_eq!(of_pod(&whole, "coordinator-0"), Some(uid));
        assert_eq!(of_pod(&whole, "coordinator-1"), None);
        for wrong in [
            whole.trim_end(),
            &whole.replace('f', "/"),
            &whole.replace("-0000", ""),
            "",
        ] {
            assert_eq!(of_pod(wrong, "coordinator-0"), None, "{wrong:?}");
        }
    }
}
