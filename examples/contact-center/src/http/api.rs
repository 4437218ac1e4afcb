//! The list of requests: the router, `GET /help` and the OpenAPI document are made of the same
//! rows, so that none can be stale.

use super::Control;
use crate::misbehaviour::MISBEHAVIOURS;
use crate::party::SOUNDS;
use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use serde_json::{Map, Value, json};

/// A field of a query or body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    name: &'static str,
    kind: &'static str,
    doc: &'static str,
}

impl Parameter {
    pub(super) const fn string(name: &'static str, doc: &'static str) -> Parameter {
        Parameter { name, kind: "string", doc }
    }
    pub(super) const fn number(name: &'static str, doc: &'static str) -> Parameter {
        Parameter { name, kind: "number", doc }
    }
    pub(super) const fn boolean(name: &'static str, doc: &'static str) -> Parameter {
        Parameter { name, kind: "boolean", doc }
    }
    /// An object or a list; the line says of what.
    pub(super) const fn object(name: &'static str, doc: &'static str) -> Parameter {
        Parameter { name, kind: "object", doc }
    }

    fn schema(&self) -> Value {
        // An object may be a list of them.
        if self.kind == "object" { json!({ "description": self.doc }) } else { json!({ "type": self.kind, "description": self.doc }) }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    method: &'static str,
    path: &'static str,
    doc: &'static str,
    query: Vec<Parameter>,
    body: Vec<Parameter>,
    raw_body: bool,
}

impl Operation {
    pub(super) fn new(method: &'static str, path: &'static str, doc: &'static str) -> Operation {
        Operation { method, path, doc, query: Vec::new(), body: Vec::new(), raw_body: false }
    }
    pub(super) fn query(mut self, query: &[Parameter]) -> Operation {
        self.query = query.to_vec();
        self
    }
    pub(super) fn body(mut self, body: &[Parameter]) -> Operation {
        self.body = body.to_vec();
        self
    }
    pub(super) fn raw_body(mut self) -> Operation {
        self.raw_body = true;
        self
    }

    /// Names between braces.
    fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    fn document(&self) -> Value {
        let path =
            self.path_parameters().map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
        let query = self.query.iter().map(|p| json!({ "name": p.name, "in": "query", "description": p.doc, "schema": { "type": p.kind } }));
        let parameters: Vec<Value> = path.chain(query).collect();
        let mut operation = json!({
            "summary": self.doc,
            "operationId": format!("{}{}", self.method.to_lowercase(), self.path.replace(['/', '{', '}', '-', '.'], "_")),
            "responses": {
                "200": { "description": "Done." },
                "default": { "description": "Not done; the status says why.", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } },
            },
        });
        if !parameters.is_empty() {
            operation["parameters"] = Value::from(parameters);
        }
        if self.raw_body {
            operation["requestBody"] =
                json!({ "content": { "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } } });
        } else if !self.body.is_empty() {
            let properties: Map<String, Value> = self.body.iter().map(|p| (p.name.to_owned(), p.schema())).collect();
            operation["requestBody"] =
                json!({ "content": { "application/json": { "schema": { "type": "object", "properties": properties } } } });
        }
        operation
    }

    fn line(&self) -> String {
        let names = |list: &[Parameter]| list.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
        let mut line = format!("{:<6} {:<32} {}", self.method, self.path, self.doc);
        if !self.query.is_empty() {
            line.push_str(&format!(" ?{}", names(&self.query)));
        }
        if !self.body.is_empty() {
            line.push_str(&format!(" {{{}}}", names(&self.body)));
        }
        line
    }
}

/// The requests with what carries them out.
#[derive(Default)]
pub(super) struct Api {
    pub(super) router: Router<Control>,
    operations: Vec<Operation>,
}

impl Api {
    /// One more.
    pub(super) fn at<H, T>(mut self, operation: Operation, handler: H) -> Api
    where
        H: Handler<T, Control>,
        T: 'static,
    {
        let method = match operation.method {
            "GET" => MethodFilter::GET,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::POST,
        };
        self.router = self.router.route(operation.path, on(method, handler));
        self.operations.push(operation);
        self
    }

    /// The OpenAPI document.
    pub(super) fn openapi(&self) -> Value {
        let mut paths = Map::new();
        for operation in &self.operations {
            let path = paths.entry(operation.path).or_insert_with(|| json!({}));
            path[operation.method.to_lowercase()] = operation.document();
        }
        json!({
            "openapi": "3.1.0",
            "info": { "title": "contact-center control", "version": env!("CARGO_PKG_VERSION"), "description": "Control of the embedded contact centre. Bodies are JSON; a GET with wait=... answers when it has happened, or with 504." },
            "paths": paths,
            "components": { "schemas": { "Error": { "type": "object", "required": ["error"], "properties": { "error": { "type": "string", "description": "A sentence that says what to do." } } } } },
        })
    }

    /// The same for people.
    pub(super) fn help(&self) -> String {
        let mut text = String::new();
        for operation in &self.operations {
            text.push_str(&operation.line());
            text.push('\n');
        }
        text.push_str("\nSounds:\n");
        for (name, doc) in SOUNDS {
            text.push_str(&format!("  {name:<26}{doc}\n"));
        }
        text.push_str("\nMisbehaviours:\n");
        for m in MISBEHAVIOURS {
            text.push_str(&format!("  {:<26}{}\n", m.name, m.doc));
        }
        text
    }
}
