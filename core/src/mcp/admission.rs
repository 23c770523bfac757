//! Whether a message is one that a client may send at all, whoever it is.

use super::headers::check_mirrored;
use super::{Form, Message, Method, MirroredHeaders, Revision};
use crate::{Denial, Reason};

/// A message that fits its headers and has a method that its revision knows.
///
/// INVARIANT: made by [`Admitted::read`] alone.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    message: &'a Message,
    revision: Revision,
    method: &'static Method,
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
        let revision = Revision::of(headers.protocol_version, stated)?;
        check_mirrored(headers, message, revision)?;
        let method = Method::sent_by_client(message.method(), message.form(), revision)?;
        if revision.is_modern() && message.form() == Form::Request && stated.is_none() {
            return Err(Reason::ParamsMalformed.into());
        }
        Ok(Self { message, revision, method })
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

    /// Its row in the table.
    #[must_use]
    pub fn method(&self) -> &'static Method {
        self.method
    }
}
