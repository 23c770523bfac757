//! What of a configuration that is good somebody should know before it is noticed.

use obolus_core::config::brought::Notice;

use crate::config::Config;

/// All of them, at our own keys.
pub(super) fn of(config: &Config) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (place, caller) in config.callers.iter().enumerate() {
        for (file, secret) in caller.secrets.iter().enumerate() {
            if let Some(fault) = secret.withdrawn() {
                let path = format!("callers[{place}].credential_files[{file}]");
                let text = format!(
                    "lets nobody in ({fault}), and counts as withdrawn: the other file does; leave it out, or write the \
                     next secret into it"
                );
                notices.push(Notice::new(path, text));
            }
        }
    }
    notices
}
