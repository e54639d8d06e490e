//! Paths of notes within a workspace, which are also safe as paths of files within a folder.

use unicode_normalization::UnicodeNormalization;

/// Maximum number of characters in a path.
pub const PATH: usize = 500;
/// Maximum size of a path's segment, in bytes of UTF-8. File systems allow names of 255 bytes; the
/// rest is room for characters that an export adds.
pub const SEGMENT_BYTES: usize = 200;

/// Returns `path` in Unicode normalization form C, so that paths that look the same are the same.
///
/// # Errors
/// A message that describes the problem, if the path is empty, too long or absolute, or if it has a
/// backslash, a control character, or a segment that is empty, too long, `.` or `..`.
pub fn normalize(path: &str) -> Result<String, String> {
    let path: String = path.nfc().collect();
    if path.is_empty() || path.chars().count() > PATH {
        return Err(format!("must have 1 to {PATH} characters"));
    }
    if path.starts_with('/') {
        return Err("must not begin with a slash: it is a place in the workspace".to_owned());
    }
    if path.contains('\\') {
        return Err("must not contain a backslash; its segments are separated by /".to_owned());
    }
    if path.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    for segment in path.split('/') {
        check(segment)?;
    }
    Ok(path)
}

fn check(segment: &str) -> Result<(), String> {
    match segment {
        "" => Err("must not have an empty segment, as // and / at the end do".to_owned()),
        "." | ".." => Err("must not have a segment . or ..".to_owned()),
        _ if segment.len() > SEGMENT_BYTES => {
            let message = format!("must have segments of at most {SEGMENT_BYTES} bytes in UTF-8");
            Err(format!("{message}; one has {}", segment.len()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_paths_stay_and_are_composed() {
        for path in ["a", "guides/setup", "a b/c.d", "...", "..a/b..", ".hidden", "日本/語", "CON"]
        {
            assert_eq!(normalize(path), Ok(path.to_owned()));
        }
        assert_eq!(normalize("cafe\u{301}"), Ok("caf\u{e9}".to_owned()));
    }

    #[test]
    fn bad_paths_are_refused_with_the_reason() {
        let (long, wide) = ("a".repeat(201), "a/".repeat(250) + "a");
        for (path, word) in [
            ("", "1 to 500"),
            ("/", "begin with a slash"),
            ("/etc/passwd", "begin with a slash"),
            ("..", "segment . or .."),
            ("a/../b", "segment . or .."),
            ("./a", "segment . or .."),
            ("a/.", "segment . or .."),
            ("a//b", "empty segment"),
            ("a/", "empty segment"),
            ("a\\b", "backslash"),
            ("..\\a", "backslash"),
            ("a\0b", "control"),
            ("a\nb", "control"),
            ("a\u{7f}", "control"),
            ("a\u{85}", "control"),
            (&long, "at most 200 bytes"),
            (&wide, "1 to 500"),
        ] {
            let said = normalize(path).expect_err(path);
            assert!(said.contains(word), "{path:?}: {said}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_in_its_folder_and_is_taken_again(path in "[a./\\\\\u{301}é ]{0,12}") {
            if let Ok(normal) = normalize(&path) {
                prop_assert_eq!(normalize(&normal), Ok(normal.clone()));
                let parts = std::path::Path::new(&normal).components();
                let is_name = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(parts.into_iter().all(is_name), "{}", normal);
            }
        }
    }
}
