//! Settings of a client that are on or off, and must be the one or the other.

use super::super::representation::Client;

/// One of them.
pub(super) struct Switch {
    /// What it does when it is not as it must be.
    pub(super) otherwise: &'static str,
    pub(super) must_be: bool,
    pub(super) of: fn(&mut Client) -> &mut bool,
}

/// An attribute that must have a value.
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) value: &'static str,
    pub(super) otherwise: &'static str,
    /// Whether it has that value, too, where the attribute is missing.
    pub(super) is_default: bool,
}

/// Ways to get tokens that nobody here uses, and that go around the person.
pub(super) const NO_OTHER_FLOWS: [Switch; 3] = [
    Switch {
        otherwise: "it took passwords of people (direct access grants)",
        must_be: false,
        of: |client| &mut client.direct_access_grants_enabled,
    },
    Switch {
        otherwise: "it got tokens in redirects (implicit flow)",
        must_be: false,
        of: |client| &mut client.implicit_flow_enabled,
    },
    Switch {
        otherwise: "it got tokens of its own (service account)",
        must_be: false,
        of: |client| &mut client.service_accounts_enabled,
    },
];

/// Everything that a person may do does not belong into every token.
pub(super) const NO_FULL_SCOPE: Switch = Switch {
    otherwise: "its tokens had all roles of the person (full scope)",
    must_be: false,
    of: |client| &mut client.full_scope_allowed,
};

/// Tokens without most of their claims.
pub(super) const NO_LIGHTWEIGHT_TOKENS: Attribute = Attribute {
    name: "client.use.lightweight.access.token.enabled",
    value: "false",
    otherwise: "its tokens were lightweight: without sub, name and groups",
    is_default: true,
};

/// A link that an attacker sends is enough for it.
pub(super) const NO_DEVICE_GRANT: Attribute = Attribute {
    name: "oauth2.device.authorization.grant.enabled",
    value: "false",
    otherwise: "it signed people in on other devices (device authorization grant)",
    is_default: true,
};

/// Sets what is otherwise, and says so.
pub(super) fn set(client: &mut Client, switches: &[Switch], why: &mut Vec<String>) {
    for switch in switches {
        let value = (switch.of)(client);
        if *value != switch.must_be {
            *value = switch.must_be;
            why.push(switch.otherwise.to_owned());
        }
    }
}

/// The same of attributes.
pub(super) fn set_attributes(client: &mut Client, attributes: &[Attribute], why: &mut Vec<String>) {
    for attribute in attributes {
        let value = client.attributes.get(attribute.name).map(String::as_str);
        if value == Some(attribute.value) || (attribute.is_default && value.is_none()) {
            continue;
        }
        client.attributes.insert(attribute.name.to_owned(), attribute.value.to_owned());
        why.push(attribute.otherwise.to_owned());
    }
}
