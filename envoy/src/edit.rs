//! Named places in a generated bootstrap.
//!
//! Tests start every variation from the generator and change the value: a filter between ours and
//! the guard, a module that is not there, a route that forgets us.

use serde_json::Value;

/// The place that was looked for is not in this value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {0} in this bootstrap")]
pub struct Missing(String);

/// The HTTP filters of the first listener.
pub fn http_filters(bootstrap: &mut Value) -> Result<&mut Vec<Value>, Missing> {
    let path = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    list(bootstrap, path)
}

/// The virtual hosts of the first listener.
pub fn virtual_hosts(bootstrap: &mut Value) -> Result<&mut Vec<Value>, Missing> {
    let path = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config\
                /virtual_hosts";
    list(bootstrap, path)
}

/// The clusters.
pub fn clusters(bootstrap: &mut Value) -> Result<&mut Vec<Value>, Missing> {
    list(bootstrap, "/static_resources/clusters")
}

/// The listeners.
pub fn listeners(bootstrap: &mut Value) -> Result<&mut Vec<Value>, Missing> {
    list(bootstrap, "/static_resources/listeners")
}

/// A route of a virtual host of the first listener.
pub fn route<'a>(
    bootstrap: &'a mut Value,
    host: &str,
    route: &str,
) -> Result<&'a mut Value, Missing> {
    let host = named(virtual_hosts(bootstrap)?, host)?;
    named(list(host, "/routes")?, route)
}

/// The item with this `name`.
pub fn named<'a>(items: &'a mut [Value], name: &str) -> Result<&'a mut Value, Missing> {
    let at = position(items, name)?;
    items.get_mut(at).ok_or_else(|| Missing(name.to_owned()))
}

/// Puts an item before the one with this `name`.
pub fn insert_before(items: &mut Vec<Value>, name: &str, item: Value) -> Result<(), Missing> {
    let at = position(items, name)?;
    items.insert(at, item);
    Ok(())
}

/// Takes out the item with this `name`.
pub fn remove(items: &mut Vec<Value>, name: &str) -> Result<Value, Missing> {
    let at = position(items, name)?;
    Ok(items.remove(at))
}

fn position(items: &[Value], name: &str) -> Result<usize, Missing> {
    let is_it = |item: &Value| item.get("name").and_then(Value::as_str) == Some(name);
    items.iter().position(is_it).ok_or_else(|| Missing(name.to_owned()))
}

fn list<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Vec<Value>, Missing> {
    value
        .pointer_mut(pointer)
        .and_then(Value::as_array_mut)
        .ok_or_else(|| Missing(pointer.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Bootstrap, FILTER_NAME, guard};

    #[test]
    fn a_filter_can_be_put_before_the_guard_and_ours_taken_out() {
        let mut value = Bootstrap::default().to_value().unwrap();
        let filters = http_filters(&mut value).unwrap();
        insert_before(filters, guard::NAME, json!({"name": "between"})).unwrap();
        remove(filters, FILTER_NAME).unwrap();
        let names: Vec<_> = filters.iter().map(|filter| filter["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["between", guard::NAME, "envoy.filters.http.router"]);

        assert!(route(&mut value, "localhost:10000", "kubernetes").is_ok());
        let missing = route(&mut value, "localhost:10000", "x").unwrap_err();
        assert_eq!(missing.to_string(), "no x in this bootstrap");
    }
}
