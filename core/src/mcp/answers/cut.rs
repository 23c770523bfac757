//! Reads one message of a server, and cuts the list in it, in one pass over its text.

use super::{Expected, Item, Outcome, error};
use crate::Reason;
use crate::json::{self, JsonError, Scanner};
use crate::mcp::lookalike::is_lookalike;
use crate::mcp::message::MESSAGE_KEYS;
use crate::mcp::{Id, List};

/// Keys of a result on which it depends what is in it.
const RESULT_KEYS: [&str; 5] = ["tools", "prompts", "resources", "resourceTemplates", "cacheScope"];

/// Entries of one list. Each is decided on, which takes longer than to read it, and nobody else is served meanwhile.
const MAX_ENTRIES: usize = 10_000;

/// What a server's message is.
pub(super) enum Told {
    /// The answer, as it may be sent.
    Answer(String, Outcome),
    /// A notification or a request of the server: nothing of it is changed.
    Other,
}

/// Why a server's message is not sent.
pub(super) struct Unfit(pub(super) Reason);

impl From<JsonError> for Unfit {
    fn from(error: JsonError) -> Self {
        Self(match error {
            JsonError::TooManyValues => Reason::AnswerTooLarge,
            JsonError::NotUtf8
            | JsonError::ByteOrderMark
            | JsonError::Malformed
            | JsonError::Nul
            | JsonError::HugeInteger
            | JsonError::DuplicateKey => Reason::AnswerMalformed,
        })
    }
}

/// Reads one message.
pub(super) fn read(
    expected: &Expected,
    text: &[u8],
    permits: impl FnMut(&Item<'_>) -> bool,
) -> Result<Told, Reason> {
    let mut reading = Reading { expected, permits, copied: Copied::default(), kept: 0, hidden: 0 };
    reading.message(text).map_err(|Unfit(reason)| reason)
}

struct Reading<'e, P> {
    expected: &'e Expected,
    permits: P,
    copied: Copied,
    kept: usize,
    hidden: usize,
}

/// The members on which it depends what a message is.
#[derive(Default)]
struct Members<'a> {
    version_fits: bool,
    id: Option<&'a str>,
    has_method: bool,
    has_result: bool,
    error: Option<&'a str>,
}

impl<P: FnMut(&Item<'_>) -> bool> Reading<'_, P> {
    fn message(&mut self, text: &[u8]) -> Result<Told, Unfit> {
        let mut scanner = Scanner::new(text)?;
        match scanner.peek() {
            Some(b'{') => {}
            // One good value, and no message: a batch, say.
            Some(_) => return Err(scanner.value().map_or_else(Unfit::from, |_| MISMATCH)),
            None => return Err(Unfit(Reason::AnswerMalformed)),
        }
        let mut members = Members::default();
        scanner.object(|scanner, key| {
            match key {
                "jsonrpc" => {
                    let is_text = scanner.peek() == Some(b'"');
                    members.version_fits = is_text && scanner.string()? == "2.0";
                    if !is_text {
                        scanner.value()?;
                    }
                }
                "id" => members.id = Some(scanner.value()?),
                "method" => {
                    members.has_method = true;
                    scanner.value()?;
                }
                "result" => {
                    members.has_result = true;
                    match self.expected.list {
                        Some(list) => self.result(scanner, list)?,
                        None => drop(scanner.value()?),
                    }
                }
                "error" => members.error = Some(scanner.value()?),
                key if is_lookalike(key, &MESSAGE_KEYS) => {
                    return Err(Unfit(Reason::AnswerMalformed));
                }
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        scanner.end()?;
        if !members.version_fits {
            return Err(MISMATCH);
        }
        match (members.has_method, members.has_result, members.error) {
            (true, false, None) => Ok(Told::Other),
            (false, true, None) if self.answers(members.id) => {
                let text = match self.expected.list {
                    Some(_) => std::mem::take(&mut self.copied.text) + "}",
                    None => scanner.all().to_owned(),
                };
                Ok(Told::Answer(text, Outcome::Result { kept: self.kept, hidden: self.hidden }))
            }
            // Whoever could not read a request does not know its id.
            (false, false, Some(error))
                if members.id.is_none_or(|id| id == "null") || self.answers(members.id) =>
            {
                let (text, code) = error::retold(error, self.expected, scanner.all())?;
                Ok(Told::Answer(text, Outcome::Error(code)))
            }
            _ => Err(MISMATCH),
        }
    }

    /// A result with a list: what is not in the list is copied as it is, and stands in a response that has no other
    /// members than a response has. Nobody reads those, and they could hold what the list does not.
    fn result(&mut self, scanner: &mut Scanner<'_>, list: List) -> Result<(), Unfit> {
        if scanner.peek() != Some(b'{') {
            return Err(Unfit(Reason::AnswerNotAList));
        }
        let id = self.expected.id.as_ref().map(Id::as_json).unwrap_or_default();
        // Besides, a member is added that says who may share it.
        self.copied.text.reserve(scanner.all().len() + 64);
        self.copied.text.push_str(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#));
        self.copied.skip_to(scanner.read());
        let (mut has_list, mut has_scope) = (false, false);
        scanner.object(|scanner, key| {
            match key {
                key if key == list.member() => {
                    has_list = true;
                    self.list(scanner, list)?;
                }
                "cacheScope" => {
                    has_scope = true;
                    scanner.peek();
                    self.copied.up_to(scanner.read());
                    self.copied.text.push_str(r#""private""#);
                    scanner.value()?;
                    self.copied.skip_to(scanner.read());
                }
                // Some clients tell results apart by what is in them.
                key if RESULT_KEYS.contains(&key) || is_lookalike(key, &RESULT_KEYS) => {
                    return Err(Unfit(Reason::AnswerMalformed));
                }
                _ => drop(scanner.value()?),
            }
            Ok::<_, Unfit>(())
        })?;
        if !has_list {
            return Err(Unfit(Reason::AnswerNotAList));
        }
        let read = scanner.read();
        if self.expected.has_cache_scope && !has_scope {
            self.copied.up_to(read.strip_suffix('}').unwrap_or(read));
            self.copied.text.push_str(r#","cacheScope":"private"}"#);
        } else {
            self.copied.up_to(read);
        }
        Ok(())
    }

    fn list(&mut self, scanner: &mut Scanner<'_>, list: List) -> Result<(), Unfit> {
        if scanner.peek() != Some(b'[') {
            return Err(Unfit(Reason::AnswerNotAList));
        }
        self.copied.up_to(scanner.read());
        self.copied.text.push('[');
        scanner.array(|scanner| {
            if self.kept + self.hidden >= MAX_ENTRIES {
                return Err(Unfit(Reason::AnswerTooLarge));
            }
            scanner.peek();
            let start = scanner.at();
            let item = Item::read(scanner, list)?;
            if (self.permits)(&item) {
                if self.kept > 0 {
                    self.copied.text.push(',');
                }
                self.copied.text.push_str(scanner.since(start)?);
                self.kept += 1;
            } else {
                self.hidden += 1;
            }
            Ok::<_, Unfit>(())
        })?;
        self.copied.text.push(']');
        self.copied.skip_to(scanner.read());
        Ok(())
    }
}

const MISMATCH: Unfit = Unfit(Reason::AnswerMismatch);

impl<P> Reading<'_, P> {
    /// Whether a response with this `id` is the one to our request.
    fn answers(&self, id: Option<&str>) -> bool {
        match (&self.expected.id, id.map(|id| json::parse(id.as_bytes()))) {
            (Some(ours), Some(Ok(theirs))) => is_same(ours, &theirs),
            _ => false,
        }
    }
}

/// Numbers are the same by their value: `1` and `1.0` are one number to many readers, and come back as they like.
fn is_same(ours: &Id, theirs: &serde_json::Value) -> bool {
    let ours = ours.as_json();
    let as_float = |id: &serde_json::Value| id.as_f64().filter(|_| id.is_number());
    ours == theirs
        || ((ours.is_f64() || theirs.is_f64())
            && as_float(ours).is_some_and(|ours| Some(ours) == as_float(theirs)))
}

/// A text that grows by what may be copied of another.
#[derive(Default)]
struct Copied {
    text: String,
    /// How far the other is copied or left out.
    done: usize,
}

impl Copied {
    /// Copies what is not copied yet of `read`, the beginning of the other.
    fn up_to(&mut self, read: &str) {
        self.text.push_str(read.get(self.done..).unwrap_or_default());
        self.done = read.len();
    }

    /// Leaves out what is not copied yet of `read`.
    fn skip_to(&mut self, read: &str) {
        self.done = read.len();
    }
}
