//! Reading OpenAPI v3: the schema of a kind, the way to a field in it, and that field's own fields.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cluster::ApiKind;
use crate::near::near;

/// More fields than a model can use at once.
const MAX_FIELDS: usize = 1_500;
/// How deep the fields of fields are told.
const MAX_DEPTH: usize = 12;
/// How many references are followed for one field.
const MAX_REFERENCES: usize = 8;
/// The longest description of a field among others.
const MAX_DESCRIPTION_CHARS: usize = 300;
/// The longest description of the field that was asked for.
const MAX_WHOLE_DESCRIPTION_CHARS: usize = 4_000;

/// The schemas of one version of the API.
#[derive(Deserialize)]
pub(super) struct Document {
    components: Components,
}

#[derive(Deserialize)]
struct Components {
    schemas: Map<String, Value>,
}

/// A field among others.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Field {
    /// Its name; with dots, if it is a field of a field.
    pub(super) name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub(super) type_of: String,
    /// Whether it has to be there.
    pub(super) required: bool,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
}

/// The field that was asked for.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) type_of: String,
    pub(super) description: String,
    pub(super) values: Vec<String>,
    pub(super) fields: Vec<Field>,
}

/// A way that leads nowhere.
#[derive(Debug)]
pub(super) struct Missing {
    /// As far as it goes.
    so_far: String,
    field: String,
    there: Vec<String>,
}

impl Missing {
    /// What is not there, and what is instead.
    pub(super) fn told(&self, kind: &str) -> String {
        let Self { so_far, field, there } = self;
        let place = if so_far.is_empty() { kind.to_owned() } else { format!("{kind}.{so_far}") };
        let alike = near(field, there.iter().map(String::as_str));
        if there.is_empty() {
            return format!("path: {place} has no fields");
        }
        let told = if alike.is_empty() { there.join(", ") } else { alike.join(", ") };
        let told: String = told.chars().take(1_000).collect();
        format!("path: {place} has no such field; there are {told}")
    }
}

impl Document {
    /// Reads a document, if it is one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Explains a field of a kind; nothing if the kind is not described.
    pub(super) fn explain(
        &self,
        kind: &ApiKind,
        way: &[&str],
        recursive: bool,
    ) -> Option<Result<Found, Missing>> {
        let mut schema = self.components.schemas.values().find(|schema| is_of(schema, kind))?;
        let mut described = schema;
        for (index, field) in way.iter().enumerate() {
            let fields = self.properties(schema);
            let Some(next) = fields.and_then(|fields| fields.get(*field)) else {
                return Some(Err(Missing {
                    so_far: way.get(..index).unwrap_or_default().join("."),
                    field: (*field).to_owned(),
                    there: fields.into_iter().flat_map(Map::keys).cloned().collect(),
                }));
            };
            schema = next;
            described = next;
        }
        let whole = self.resolved(described);
        let description = [described, whole].into_iter().find_map(|of| of["description"].as_str());
        let mut fields = Vec::new();
        let mut passed = Vec::new();
        self.collect(schema, "", recursive, &mut passed, &mut fields);
        let values = whole["enum"].as_array().into_iter().flatten();
        Some(Ok(Found {
            type_of: if way.is_empty() { kind.kind.clone() } else { self.type_of(described) },
            description: cut(description.unwrap_or_default(), MAX_WHOLE_DESCRIPTION_CHARS),
            values: values
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect(),
            fields,
        }))
    }

    /// What a reference leads to: Kubernetes writes `{"$ref": …}` or `{"allOf": [{"$ref": …}]}`.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..MAX_REFERENCES {
            let Some(name) =
                reference(schema).and_then(|at| at.strip_prefix("#/components/schemas/"))
            else {
                return schema;
            };
            let Some(next) = self.components.schemas.get(name) else { return schema };
            schema = next;
        }
        schema
    }

    /// The fields of an object, of the items of an array, or of the values of a map.
    fn properties<'a>(&'a self, schema: &'a Value) -> Option<&'a Map<String, Value>> {
        let mut schema = self.resolved(schema);
        for _ in 0..MAX_REFERENCES {
            if let Some(properties) = schema["properties"].as_object() {
                return Some(properties);
            }
            let inner = [&schema["items"], &schema["additionalProperties"]];
            schema = self.resolved(inner.into_iter().find(|inner| inner.is_object())?);
        }
        None
    }

    fn required<'a>(&'a self, schema: &'a Value) -> Vec<&'a str> {
        let mut schema = self.resolved(schema);
        for _ in 0..MAX_REFERENCES {
            if schema["properties"].is_object() {
                break;
            }
            let inner = [&schema["items"], &schema["additionalProperties"]];
            let Some(inner) = inner.into_iter().find(|inner| inner.is_object()) else { break };
            schema = self.resolved(inner);
        }
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn collect<'a>(
        &'a self,
        schema: &'a Value,
        prefix: &str,
        recursive: bool,
        passed: &mut Vec<*const Map<String, Value>>,
        fields: &mut Vec<Field>,
    ) {
        let Some(properties) = self.properties(schema) else { return };
        // Some kinds describe themselves by themselves.
        let place = std::ptr::from_ref(properties);
        if passed.contains(&place) || passed.len() >= MAX_DEPTH {
            return;
        }
        passed.push(place);
        let required = self.required(schema);
        for (name, field) in properties {
            if fields.len() >= MAX_FIELDS {
                break;
            }
            let description = field["description"].as_str().unwrap_or_default();
            let full = format!("{prefix}{name}");
            fields.push(Field {
                name: full.clone(),
                type_of: self.type_of(field),
                required: required.contains(&name.as_str()),
                description: if recursive {
                    String::new()
                } else {
                    cut(description, MAX_DESCRIPTION_CHARS)
                },
            });
            if recursive {
                self.collect(field, &format!("{full}."), recursive, passed, fields);
            }
        }
        passed.pop();
    }

    /// A type as `kubectl explain` writes it.
    fn type_of(&self, schema: &Value) -> String {
        self.type_to(schema, MAX_REFERENCES)
    }

    fn type_to(&self, schema: &Value, depth: usize) -> String {
        let whole = self.resolved(schema);
        let inner = |of: &Value| match depth.checked_sub(1) {
            Some(depth) => self.type_to(of, depth),
            None => "Object".to_owned(),
        };
        if whole["x-kubernetes-int-or-string"] == Value::Bool(true)
            || whole["format"] == "int-or-string"
        {
            return "IntOrString".to_owned();
        }
        match whole["type"].as_str() {
            Some("array") => format!("[]{}", inner(&whole["items"])),
            Some("object") if whole["additionalProperties"].is_object() => {
                format!("map[string]{}", inner(&whole["additionalProperties"]))
            }
            Some("object") | None => reference(schema)
                .and_then(|at| at.rsplit(['.', '/']).next())
                .unwrap_or("Object")
                .to_owned(),
            Some(plain) => plain.to_owned(),
        }
    }
}

/// Where a schema refers to: directly, or as all that it consists of.
fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref"))?.as_str()
}

fn is_of(schema: &Value, kind: &ApiKind) -> bool {
    let version = kind.api_version.rsplit('/').next().unwrap_or_default();
    let kinds = schema["x-kubernetes-group-version-kind"].as_array();
    kinds.into_iter().flatten().any(|of| {
        of["kind"] == kind.kind.as_str()
            && of["group"] == kind.group.as_str()
            && of["version"] == version
    })
}

fn cut(text: &str, most: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut chars = words.chars();
    let mut cut: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Document {
        let document = json!({"components": {"schemas": {
            "io.k8s.api.core.v1.Pod": {
                "description": "Pod is a collection of containers.", "type": "object",
                "x-kubernetes-group-version-kind": [{"group": "", "kind": "Pod", "version": "v1"}],
                "properties": {"spec": {"allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}], "description": "What is wanted."}},
            },
            "io.k8s.api.core.v1.PodSpec": {
                "type": "object", "required": ["containers"],
                "properties": {
                    "containers": {"type": "array", "description": "List of\ncontainers.",
                        "items": {"allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}]}},
                    "nodeSelector": {"type": "object", "additionalProperties": {"type": "string"}},
                    "again": {"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"},
                },
            },
            "io.k8s.api.core.v1.Container": {
                "type": "object", "required": ["name"],
                "properties": {
                    "name": {"type": "string", "description": "Its name."},
                    "imagePullPolicy": {"type": "string", "enum": ["Always", "Never"]},
                    "port": {"x-kubernetes-int-or-string": true},
                },
            },
        }}});
        Document::read(document.to_string().as_bytes()).unwrap()
    }

    fn pod() -> ApiKind {
        ApiKind {
            group: String::new(),
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            plural: "pods".to_owned(),
            singular: "pod".to_owned(),
            short_names: Vec::new(),
            namespaced: true,
            verbs: Vec::new(),
            subresources: Vec::new(),
        }
    }

    fn explained(way: &[&str], recursive: bool) -> Found {
        document().explain(&pod(), way, recursive).unwrap().unwrap()
    }

    #[test]
    fn a_field_is_reached_through_references_arrays_and_maps() {
        let found = explained(&["spec", "containers"], false);
        assert_eq!(
            (found.type_of.as_str(), found.description.as_str()),
            ("[]Container", "List of containers.")
        );
        let names: Vec<_> = found
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.type_of.as_str(), field.required))
            .collect();
        assert_eq!(
            names,
            [
                ("imagePullPolicy", "string", false),
                ("name", "string", true),
                ("port", "IntOrString", false)
            ]
        );
        let spec = explained(&["spec"], false);
        assert_eq!(
            (spec.type_of.as_str(), spec.description.as_str()),
            ("PodSpec", "What is wanted.")
        );
        assert_eq!(
            spec.fields.iter().find(|field| field.name == "nodeSelector").unwrap().type_of,
            "map[string]string"
        );
        assert_eq!(
            explained(&["spec", "containers", "imagePullPolicy"], false).values,
            ["Always", "Never"]
        );
    }

    #[test]
    fn recursion_names_fields_of_fields_and_ends_where_a_kind_describes_itself() {
        let names: Vec<_> =
            explained(&[], true).fields.into_iter().map(|field| field.name).collect();
        assert!(names.contains(&"spec.containers.name".to_owned()), "{names:?}");
        assert!(
            names.contains(&"spec.again".to_owned())
                && !names.contains(&"spec.again.containers".to_owned()),
            "{names:?}"
        );
    }

    #[test]
    fn a_way_that_leads_nowhere_says_what_there_is() {
        let missing =
            |way: &[&str]| document().explain(&pod(), way, false).unwrap().unwrap_err().told("Pod");
        assert_eq!(
            missing(&["spec", "contaners"]),
            "path: Pod.spec has no such field; there are containers"
        );
        assert_eq!(missing(&["zzz"]), "path: Pod has no such field; there are spec");
        assert_eq!(
            missing(&["spec", "containers", "name", "x"]),
            "path: Pod.spec.containers.name has no fields"
        );
        let other = ApiKind { group: "x".to_owned(), ..pod() };
        assert!(document().explain(&other, &[], false).is_none());
    }
}
