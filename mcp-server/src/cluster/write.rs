//! The verbs that change objects, each one request as the caller.

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request};
use kube::core::params::{
    DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy, ValidationDirective,
};
use kube::core::request;
use serde_json::{Map, Value, json};

use super::caller::Caller;
use super::discovery::Resource;
use super::object::{Noise, RawObject};
use super::operation::Operation;
use super::verbs::built;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

/// Whose the fields are that are set here.
pub(crate) const FIELD_MANAGER: &str = "obolus-mcp";

/// How a change is made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Change {
    /// The API server does everything but keep it.
    pub(crate) dry_run: bool,
    /// Fields are taken over from other field managers.
    pub(crate) force: bool,
}

/// What a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchKind {
    /// Lists are merged by their keys, as their kind says.
    Strategic,
    /// RFC 7386: what is null is taken away, lists are replaced.
    Merge,
    /// RFC 6902: operations one after the other.
    Json,
    /// The fields that ought to be so, and this manager's from then on.
    Apply,
}

/// An object as it is after a change.
#[derive(Debug)]
pub(crate) struct Written {
    /// Whether it was not there before.
    pub(crate) created: bool,
    pub(crate) object: RawObject,
}

/// A request that is going to be made: its verb, and what it is about. Of what is made under a name that was made up,
/// there is none.
pub(crate) type Intended<'a> = (&'static str, &'a Resource, &'a Namespace, Option<&'a ObjectName>);

/// How an object is deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    pub(crate) dry_run: bool,
    pub(crate) grace_period_seconds: Option<u32>,
    pub(crate) propagation: Option<PropagationPolicy>,
}

/// What became of an object that was to be deleted.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// It is gone.
    Gone,
    /// It goes when its grace period is over and its finalizers are done.
    Going { finalizers: Vec<String> },
}

impl Caller {
    /// For several changes, before the first of them: fails if the operator has denied what any of them is about, and asks
    /// the person about all of them at once where the operator wants that.
    pub(crate) async fn before_changes(&self, changes: &[Intended<'_>]) -> Result<(), Failure> {
        let operations: Vec<_> = changes
            .iter()
            .map(|&(verb, resource, namespace, name)| change(verb, resource, namespace, name))
            .collect();
        operations.iter().try_for_each(|operation| self.admit(operation))?;
        self.announce(&operations).await
    }

    /// For a change of an object that reads it first: who is asked about the reading is asked about the change with it.
    /// About the change alone they are asked when it is known that there is one.
    pub(crate) async fn before_reading_and_changing(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<(), Failure> {
        let operations = ["get", "patch"].map(|verb| change(verb, resource, namespace, Some(name)));
        operations.iter().try_for_each(|operation| self.admit(operation))?;
        let is_read_asked_about = operations.first().is_some_and(|read| self.asks_about(read));
        if is_read_asked_about { self.announce(&operations).await } else { Ok(()) }
    }

    /// Makes an object what it is to be, or makes it.
    pub(crate) async fn apply(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
        object: &Map<String, Value>,
        change: Change,
    ) -> Result<Written, Failure> {
        let params = PatchParams {
            dry_run: change.dry_run,
            force: change.force,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let operation = resource.operation_on("patch", "", Some(namespace), name);
        let request = request::Request::new(resource.path(Some(namespace)));
        let request = built(request.patch(name.as_str(), &params, &Patch::Apply(object)))?;
        self.written(&operation, request).await
    }

    /// Changes a part of an object.
    pub(crate) async fn patch(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
        kind: PatchKind,
        patch: &Value,
        change: Change,
    ) -> Result<Written, Failure> {
        let params = PatchParams {
            dry_run: change.dry_run,
            force: change.force,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let operation = resource.operation_on("patch", "", Some(namespace), name);
        let shown = &self.cluster().shown_secrets;
        let is_shown = shown.covers(namespace.as_str(), name.as_str());
        if operation.is_of_secrets() && !is_shown && rearranges(kind, patch) {
            return Err(Failure::InvalidArguments(
                "patch: of a Secret nothing is copied or moved, as its values would then stand where they are shown: use add, remove, replace and test".to_owned(),
            ));
        }
        let request = request::Request::new(resource.path(Some(namespace)));
        let patch = match kind {
            PatchKind::Apply => Patch::Apply(patch),
            PatchKind::Strategic => Patch::Strategic(patch),
            PatchKind::Merge | PatchKind::Json => Patch::Merge(patch),
        };
        let mut request = built(request.patch(name.as_str(), &params, &patch))?;
        if kind == PatchKind::Json {
            // The client library knows these with a feature only that would bring another library along.
            let json_patch = HeaderValue::from_static("application/json-patch+json");
            request.headers_mut().insert(CONTENT_TYPE, json_patch);
        }
        self.written(&operation, request).await
    }

    /// Makes an object that is not there. A name that was made up for it is not spoken of (`name` is none): the question
    /// about it has to be the same when the call comes again with the answer, and with another name.
    pub(crate) async fn create(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: Option<&ObjectName>,
        object: &Value,
    ) -> Result<Written, Failure> {
        let operation = change("create", resource, namespace, name);
        let params =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let request = request::Request::new(resource.path(Some(namespace)));
        let request = built(request.create(&params, object.to_string().into_bytes()))?;
        self.written(&operation, request).await
    }

    /// Deletes one object.
    pub(crate) async fn delete(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
        deletion: &Deletion,
    ) -> Result<Deleted, Failure> {
        let operation = resource.operation_on("delete", "", Some(namespace), name);
        let params = DeleteParams {
            dry_run: deletion.dry_run,
            grace_period_seconds: deletion.grace_period_seconds,
            propagation_policy: deletion.propagation.clone(),
            preconditions: None,
        };
        let request = request::Request::new(resource.path(Some(namespace)));
        let answer: Map<String, Value> =
            self.ask(&operation, built(request.delete(name.as_str(), &params))?).await?;
        let answer = self.raw(answer);
        // The object itself is answered as long as it is there; what is gone is a Status.
        if answer.text("/metadata/deletionTimestamp").is_none() {
            return Ok(Deleted::Gone);
        }
        let shown = answer.show(Noise::Dropped);
        let metadata = shown.as_map().get("metadata");
        let finalizers = metadata.and_then(|metadata| metadata.get("finalizers")?.as_array());
        let finalizers = finalizers.into_iter().flatten().filter_map(Value::as_str);
        Ok(Deleted::Going { finalizers: finalizers.map(str::to_owned).collect() })
    }

    async fn written(
        &self,
        operation: &Operation,
        mut request: Request<Vec<u8>>,
    ) -> Result<Written, Failure> {
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (status, body) = self.send_for_status(operation, request).await?;
        let object = serde_json::from_slice(&body)
            .map_err(|_| self.malformed(operation, "it is no object"))?;
        Ok(Written { created: status == StatusCode::CREATED, object: self.raw(object) })
    }
}

/// Whether a JSON patch does more than to take away what is there and to put in what the caller has.
fn rearranges(kind: PatchKind, patch: &Value) -> bool {
    let is_plain = |operation: &Value| {
        let name = operation.get("op").and_then(Value::as_str);
        name.is_some_and(|name| ["add", "remove", "replace", "test"].contains(&name))
    };
    kind == PatchKind::Json && !patch.as_array().is_some_and(|all| all.iter().all(is_plain))
}

fn change(
    verb: &'static str,
    resource: &Resource,
    namespace: &Namespace,
    name: Option<&ObjectName>,
) -> Operation {
    let operation = resource.operation(verb, "", Some(namespace));
    match name {
        Some(name) => operation.named(name),
        None => operation,
    }
}

/// A JSON patch that puts other values in the place of some, if another value is what it was when it was read.
pub(crate) fn replacing(unchanged: (&str, &Value), values: &[(&str, Value)]) -> Value {
    let (path, value) = unchanged;
    let mut operations = vec![json!({"op": "test", "path": path, "value": value})];
    operations.extend(
        // `add` replaces what is there.
        values.iter().map(|(path, value)| json!({"op": "add", "path": path, "value": value})),
    );
    Value::Array(operations)
}
