//! Checks of a filter.

use super::{
    definition::{ExtraCondition, Filter},
    extra,
};
use crate::{
    Problem, ProblemCode,
    audit::{MAX_PROBLEMS, comparable, search::terms},
    input,
    json_text::Flaw,
};

/// Maximum number of conditions, each value of a list being one.
const MAX_CONDITIONS: usize = 50;
/// Maximum depth of filters in `not` and `anyOf`.
const MAX_DEPTH: usize = 3;
/// Maximum length of a search, in characters: twice the longest name that an entry can have.
const MAX_SEARCH: usize = 1_000;
/// Maximum number of different words in a search.
const MAX_WORDS: usize = 50;

impl Filter {
    /// Returns the problems of the filter, by field; `root` is the path to the filter.
    #[must_use]
    pub fn problems(&self, root: &[&str]) -> Vec<Problem> {
        let conditions = self.conditions();
        if conditions > MAX_CONDITIONS {
            let message = format!(
                "must have at most {MAX_CONDITIONS} conditions, has {conditions}: each value of a \
                 list is one, and those of nested filters count"
            );
            return vec![Problem::new(ProblemCode::TooLarge, root, message)];
        }
        let mut checker = Checker {
            path: root.iter().map(|&part| part.to_owned()).collect(),
            problems: Vec::new(),
        };
        checker.filter(self, 0);
        checker.problems.truncate(MAX_PROBLEMS);
        checker.problems
    }
}

struct Checker {
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl Checker {
    /// Checks a filter that is nested in this many others.
    fn filter(&mut self, filter: &Filter, depth: usize) {
        let texts = [
            ("actorId", &filter.actor_id),
            ("actorEmail", &filter.actor_email),
            ("action", &filter.action),
            ("resourceType", &filter.resource_type),
            ("resourceId", &filter.resource_id),
            ("requestId", &filter.request_id),
            ("ipAddress", &filter.ip_address),
            ("recordedBy", &filter.recorded_by),
        ];
        for (field, values) in texts {
            self.each(field, values, |text| problem_of_text(text).map(str::to_owned));
        }
        self.each("action", &filter.action, |action| {
            let has_other_star = action.strip_suffix('*').unwrap_or(action).contains('*');
            has_other_star.then(|| {
                "must have a `*` at its end only: `device.*` finds every action that begins with \
                 `device.`"
                    .to_owned()
            })
        });
        self.each("ipAddress", &filter.ip_address, |text| {
            let is_wrong =
                problem_of_text(text).is_none() && comparable::address_range(text).is_none();
            is_wrong.then(|| {
                "must be an IP address or a CIDR prefix, such as 192.0.2.7, 10.0.0.0/8 or \
                 2001:db8::/32"
                    .to_owned()
            })
        });
        for (index, condition) in filter.extra.iter().enumerate() {
            self.extra(index, condition);
        }
        self.ranges(filter);
        self.search(filter, depth);
        self.nested(filter, depth);
    }

    fn extra(&mut self, index: usize, ExtraCondition { path, equals }: &ExtraCondition) {
        let index = index.to_string();
        if let Some(message) = extra::problem_of_path(path) {
            self.add(ProblemCode::Invalid, &["extra", &index, "path"], message);
        }
        if let Some(Flaw { path, code, message }) = extra::flaw_of_value(equals) {
            let place = path.iter().map(String::as_str);
            let path: Vec<_> = ["extra", &index, "equals"].into_iter().chain(place).collect();
            self.add(code, &path, message);
        }
    }

    fn ranges(&mut self, filter: &Filter) {
        let ends_early = [
            ("from", "to", filter.from.zip(filter.to).is_some_and(|(from, to)| from > to)),
            (
                "recordedFrom",
                "recordedTo",
                filter.recorded_from.zip(filter.recorded_to).is_some_and(|(from, to)| from > to),
            ),
            (
                "sequenceFrom",
                "sequenceTo",
                filter.sequence_from.zip(filter.sequence_to).is_some_and(|(from, to)| from > to),
            ),
        ];
        for (from, to, ends_early) in ends_early {
            if ends_early {
                self.add(ProblemCode::Invalid, &[to], format!("must not be before `{from}`"));
            }
        }
    }

    fn search(&mut self, filter: &Filter, depth: usize) {
        let Some(search) = filter.search.as_deref() else { return };
        if let Some(message) = problem_of_text(search) {
            self.add(ProblemCode::Invalid, &["search"], message);
        } else if let Some((code, message)) = problem_of_search(search) {
            self.add(code, &["search"], message);
        } else if depth > 0 {
            let message = "is allowed in the outermost filter only, not in `not` and `anyOf`";
            self.add(ProblemCode::Invalid, &["search"], message);
        }
    }

    fn nested(&mut self, filter: &Filter, depth: usize) {
        let not = filter.not.iter().map(|not| (vec!["not".to_owned()], &**not));
        let any_of = filter.any_of.iter().enumerate();
        let any_of = any_of.map(|(index, any)| (vec!["anyOf".to_owned(), index.to_string()], any));
        for (field, nested) in not.chain(any_of) {
            let length = self.path.len();
            self.path.extend(field);
            if nested.is_empty() {
                let message = "must have a condition: without one it matches every entry";
                self.add(ProblemCode::Invalid, &[], message);
            } else if depth == MAX_DEPTH {
                let message = format!("filters can be nested at most {MAX_DEPTH} deep");
                self.add(ProblemCode::TooLarge, &[], message);
            } else {
                self.filter(nested, depth + 1);
            }
            self.path.truncate(length);
        }
    }

    /// Adds the problem of each value of a list. The path has the value's index if the list has
    /// several: a list of one is as often written without brackets.
    fn each(&mut self, field: &str, values: &[String], problem: impl Fn(&str) -> Option<String>) {
        for (index, value) in values.iter().enumerate() {
            let Some(message) = problem(value) else { continue };
            match values.len() {
                1 => self.add(ProblemCode::Invalid, &[field], message),
                _ => self.add(ProblemCode::Invalid, &[field, &index.to_string()], message),
            }
        }
    }

    fn add(&mut self, code: ProblemCode, field: &[&str], message: impl Into<String>) {
        let field = field.iter().map(|&part| part.to_owned());
        let path = self.path.iter().cloned().chain(field).collect();
        self.problems.push(Problem { code, message: message.into(), path });
    }
}

fn problem_of_text(text: &str) -> Option<&'static str> {
    match text {
        "" => Some("must not be empty; leave it out not to filter"),
        text if text.contains('\0') => Some(input::NUL),
        _ => None,
    }
}

/// Returns the problem of a search, if any. Lengths are limited because each word costs work.
fn problem_of_search(text: &str) -> Option<(ProblemCode, String)> {
    let length = text.chars().count();
    if length > MAX_SEARCH {
        let message = format!("must have at most {MAX_SEARCH} characters, has {length}");
        return Some((ProblemCode::TooLarge, message));
    }
    match terms(text).len() {
        0 => {
            let message = "must have a letter or a digit: nothing else is looked for";
            Some((ProblemCode::Invalid, message.to_owned()))
        }
        count if count > MAX_WORDS => {
            let message = format!("must have at most {MAX_WORDS} different words, has {count}");
            Some((ProblemCode::TooLarge, message))
        }
        _ => None,
    }
}
