//! Whether a message is one that a client may send at all, whoever it is.

use super::headers::check_mirrored;
use super::{Form, Message, Method, MirroredHeaders, Revision, Verb};
use crate::policy::Forwarding;
use crate::{Denial, Reason};

/// A message that fits its headers and has a method that its revision knows.
///
/// INVARIANT: made by [`Admitted::read`] and [`Admitted::without_body`] alone.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    message: &'a Message,
    revision: Revision,
    method: &'static Method,
    /// Whether the revision is still to be agreed on.
    opens: bool,
}

impl<'a> Admitted<'a> {
    /// Decides in which revision a message is written and holds it against that.
    ///
    /// # Errors
    /// What [`Revision::of`] and [`Method::sent_by_client`] refuse; [`Reason::HeaderMismatch`]; and
    /// [`Reason::ParamsMalformed`] for a modern request whose `_meta` does not say so, which a server of both eras
    /// could take for a legacy one. What else `_meta` must have is the server's to ask for.
    pub fn read(headers: MirroredHeaders<'_>, message: &'a Message) -> Result<Self, Denial> {
        let stated = message.protocol_version();
        // Which revision is spoken is what `initialize` is to find out: clients name the one that they would like, in a
        // header that counts from the next message on only.
        let opens = message.method() == "initialize" && stated.is_none();
        let is_legacy = |version: &&str| {
            Revision::of(Some(*version), None).is_ok_and(|revision| !revision.is_modern())
        };
        let named = headers.protocol_version.filter(|version| !opens || is_legacy(version));
        let headers = MirroredHeaders { protocol_version: named, ..headers };
        let revision = Revision::of(named, stated)?;
        // First: what a revision does not have names nothing that a header could mirror.
        let method = Method::sent_by_client(message.method(), message.form(), revision)?;
        check_mirrored(headers, message, revision)?;
        if revision.is_modern() && message.form() == Form::Request && stated.is_none() {
            return Err(Reason::ParamsMalformed.into());
        }
        Ok(Self { message, revision, method, opens })
    }

    /// The same for what has no body, which [`Message::without_body`] stands for.
    ///
    /// # Errors
    /// As [`Admitted::read`]; [`Reason::MethodNotAllowed`] in a revision that has no sessions, and for any other message.
    pub fn without_body(
        verb: Verb,
        headers: MirroredHeaders<'_>,
        message: &'a Message,
    ) -> Result<Self, Denial> {
        let revision = Revision::of(headers.protocol_version, None)?;
        let method = verb
            .row()
            .filter(|row| message.method() == row.name && row.client.contains(&revision))
            .ok_or(Reason::MethodNotAllowed)?;
        check_mirrored(headers, message, revision)?;
        Ok(Self { message, revision, method, opens: false })
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &'a Message {
        self.message
    }

    /// The revision in which it is written.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Which headers go on with it.
    #[must_use]
    pub fn forwarding(&self) -> Forwarding {
        Forwarding { revision: self.revision, opens: self.opens }
    }

    /// Its row in the table.
    #[must_use]
    pub fn method(&self) -> &'static Method {
        self.method
    }
}
