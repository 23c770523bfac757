//! Mappers: which we make, how one that does the same is known, and what may be wrong with it.

use std::collections::BTreeMap;

use serde_json::Map;

use super::super::representation::{Mapper, PROTOCOL, Scope};
use super::super::step::Action;

const AUDIENCE: &str = "oidc-audience-mapper";
const GROUPS: &str = "oidc-group-membership-mapper";
const CLIENT: &str = "included.client.audience";
const CUSTOM: &str = "included.custom.audience";

/// What a mapper is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A text in `aud`.
    Resource(String),
    /// A client's id in `aud`.
    Client(String),
    /// `groups`, by their names.
    Groups,
    /// `sub`.
    Subject,
    /// `auth_time`.
    SignedInAt,
    /// `preferred_username`.
    Username,
}

impl Purpose {
    fn name(&self) -> String {
        match self {
            Self::Resource(audience) | Self::Client(audience) => format!("audience {audience}"),
            Self::Groups => "groups".to_owned(),
            Self::Subject => "sub".to_owned(),
            Self::SignedInAt => "auth_time".to_owned(),
            Self::Username => "username".to_owned(),
        }
    }

    /// What tokens lack without it.
    fn lacking(&self) -> String {
        match self {
            Self::Resource(audience) | Self::Client(audience) => {
                format!("its tokens were not for {audience}")
            }
            Self::Groups => "its tokens had no groups".to_owned(),
            Self::Subject => "tokens had no sub, and so belonged to nobody".to_owned(),
            Self::SignedInAt => "tokens had no auth_time".to_owned(),
            Self::Username => "tokens had no preferred_username".to_owned(),
        }
    }

    /// The mapper as we make it.
    pub(super) fn made(&self) -> Mapper {
        let (kind, config): (&str, &[(&str, &str)]) = match self {
            Self::Resource(audience) => {
                (AUDIENCE, &[(CUSTOM, audience), ("id.token.claim", "false")])
            }
            Self::Client(audience) => {
                (AUDIENCE, &[(CLIENT, audience), ("id.token.claim", "false")])
            }
            Self::Groups => (
                GROUPS,
                &[
                    ("claim.name", "groups"),
                    ("full.path", "false"),
                    ("multivalued", "true"),
                    ("id.token.claim", "false"),
                    ("userinfo.token.claim", "false"),
                ],
            ),
            Self::Subject => ("oidc-sub-mapper", &[]),
            Self::SignedInAt => (
                "oidc-usersessionmodel-note-mapper",
                &[
                    ("user.session.note", "AUTH_TIME"),
                    ("claim.name", "auth_time"),
                    ("jsonType.label", "long"),
                    ("id.token.claim", "true"),
                ],
            ),
            Self::Username => (
                "oidc-usermodel-attribute-mapper",
                &[
                    ("user.attribute", "username"),
                    ("claim.name", "preferred_username"),
                    ("jsonType.label", "String"),
                    ("id.token.claim", "true"),
                    ("userinfo.token.claim", "true"),
                ],
            ),
        };
        let always = [("access.token.claim", "true"), ("introspection.token.claim", "true")];
        let config = config.iter().chain(&always);
        Mapper {
            id: None,
            name: self.name(),
            protocol: Some(PROTOCOL.to_owned()),
            protocol_mapper: kind.to_owned(),
            config: config.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            rest: Map::new(),
        }
    }

    /// Whether a mapper, whatever it is called, is there for the same.
    fn is_of(&self, mapper: &Mapper) -> bool {
        match self {
            Self::Resource(_) | Self::Client(_) => {
                audience_of(mapper).is_some_and(|of| of == *self)
            }
            Self::Groups => mapper.setting("claim.name") == Some("groups"),
            Self::Subject => mapper.protocol_mapper == "oidc-sub-mapper",
            Self::SignedInAt => mapper.setting("claim.name") == Some("auth_time"),
            Self::Username => mapper.setting("claim.name") == Some("preferred_username"),
        }
    }
}

/// Which audience a mapper gives. A client counts before a text.
pub(super) fn audience_of(mapper: &Mapper) -> Option<Purpose> {
    if mapper.protocol_mapper != AUDIENCE {
        return None;
    }
    let client = mapper.setting(CLIENT).map(|id| Purpose::Client(id.to_owned()));
    client.or_else(|| mapper.setting(CUSTOM).map(|text| Purpose::Resource(text.to_owned())))
}

/// Whether a mapper is there for this, in whichever tokens.
pub(super) fn gives(mapper: &Mapper, purpose: &Purpose) -> bool {
    purpose.is_of(mapper)
}

/// What a scope that is there lacks, and what mends it.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    pub(super) why: Vec<String>,
    pub(super) actions: Vec<Action>,
}

/// Adds or mends the mappers of a scope.
pub(super) fn repairs(scope: &Scope, purposes: &[Purpose]) -> Repairs {
    let mut repairs = Repairs::default();
    let mappers = &scope.protocol_mappers;
    for purpose in purposes {
        let of = mappers.iter().filter(|mapper| purpose.is_of(mapper));
        if of.clone().any(Mapper::is_in_access_tokens) {
            continue;
        }
        let made = purpose.made();
        let by_name = mappers.iter().find(|mapper| mapper.name == made.name);
        let action = match of.into_iter().next().or(by_name) {
            None => Action::CreateMapper { scope: scope.name.clone(), mapper: made },
            Some(there) => {
                let mapper = mended(there, made, purpose);
                Action::UpdateMapper { scope: scope.name.clone(), mapper }
            }
        };
        repairs.why.push(purpose.lacking());
        repairs.actions.push(action);
    }
    repairs
}

/// One that does the same is only put into tokens; one that has our name is what it was again.
fn mended(there: &Mapper, made: Mapper, purpose: &Purpose) -> Mapper {
    let mut mapper = there.clone();
    if purpose.is_of(there) {
        mapper.config.insert("access.token.claim".to_owned(), "true".to_owned());
    } else {
        let config: BTreeMap<_, _> = made.config;
        mapper.protocol_mapper = made.protocol_mapper;
        mapper.config = config;
    }
    mapper
}
