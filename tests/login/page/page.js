// A page that is an MCP client by itself: what the gateway, and nobody else, tells it leads it to the tool.
//
// Its job is in the page:
//   { "resource", "client_id" or null, "redirect_uri", "call": body, "headers": of the call,
//     "probe": null, or { "token", "resource_metadata", "issuer_metadata", "token_endpoint", "registration_endpoint" } }
// With a probe it tries each of these doors, wherever it stands; else it logs in and calls. What came of it is #outcome.

const job = JSON.parse(document.getElementById('job').textContent);

function say(outcome) {
  if (window.parent !== window) return parent.postMessage(outcome, '*');
  const said = document.createElement('pre');
  said.id = 'outcome';
  said.textContent = JSON.stringify(outcome);
  document.body.append(said);
}

function call(token, more = {}) {
  const headers = { ...job.headers };
  if (token) headers.authorization = `Bearer ${token}`;
  return fetch(job.resource, { method: 'POST', headers, body: JSON.stringify(job.call), ...more });
}

function form(parameters) {
  return { method: 'POST', body: new URLSearchParams(parameters) };
}

// === logging in ===

const steps = job.probe ? [] : JSON.parse(sessionStorage.getItem('steps') ?? '[]');

function step(name, facts) {
  steps.push({ step: name, ...facts });
}

async function json(name, answer) {
  const body = await answer.json();
  step(name, { status: answer.status });
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${JSON.stringify(body)}`);
  return body;
}

// Where metadata of an issuer are looked for (MCP 2026-07-28, authorization server discovery).
function wellKnown(issuer) {
  const { origin, pathname } = new URL(issuer);
  const path = pathname === '/' ? '' : pathname;
  return [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
}

// With the header that the specification asks for, and without it where that is not allowed to pages: Keycloak's
// well-known addresses allow none, and the official SDK asks them again like this.
async function discover(url) {
  try {
    return await fetch(url, { headers: { 'mcp-protocol-version': '2026-07-28' } });
  } catch {
    return fetch(url);
  }
}

async function issuerMetadata(issuer) {
  for (const url of wellKnown(issuer)) {
    const answer = await discover(url);
    if (!answer.ok) continue;
    const metadata = await json('metadata of the issuer', answer);
    if (metadata.issuer !== issuer) throw new Error(`another issuer: ${metadata.issuer}`);
    if (!metadata.code_challenge_methods_supported.includes('S256')) throw new Error('no S256');
    return metadata;
  }
  throw new Error('no metadata of the issuer');
}

async function register(metadata) {
  const answer = await fetch(metadata.registration_endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'A page',
      redirect_uris: [job.redirect_uri],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }),
  });
  return (await json('registration', answer)).client_id;
}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

async function leave() {
  const refused = await call();
  const challenge = refused.headers.get('www-authenticate') ?? '';
  const value = (name) => challenge.match(new RegExp(`${name}="([^"]*)"`))?.[1];
  step('challenge', { status: refused.status, challenge });
  const answer = await fetch(value('resource_metadata'), { headers: { 'mcp-protocol-version': '2026-07-28' } });
  const resource = await json('metadata of the resource', answer);
  if (resource.resource !== job.resource) throw new Error(`another resource: ${resource.resource}`);
  const metadata = await issuerMetadata(resource.authorization_servers[0]);
  const clientId = job.client_id ?? (await register(metadata));

  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  const state = base64url(crypto.getRandomValues(new Uint8Array(16)));
  sessionStorage.setItem('left', JSON.stringify({ verifier, state, clientId, metadata, resource: resource.resource }));
  sessionStorage.setItem('steps', JSON.stringify(steps));
  const authorize = new URL(metadata.authorization_endpoint);
  authorize.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: job.redirect_uri,
    scope: value('scope'),
    state,
    code_challenge: base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))),
    code_challenge_method: 'S256',
    resource: resource.resource,
  });
  location.assign(authorize);
}

async function comeBack(query) {
  const left = JSON.parse(sessionStorage.getItem('left'));
  if (query.get('state') !== left.state) throw new Error('another state');
  const promised = left.metadata.authorization_response_iss_parameter_supported;
  if ((promised || query.has('iss')) && query.get('iss') !== left.metadata.issuer) throw new Error('another iss');
  if (query.has('error')) throw new Error(query.get('error'));
  const answer = await fetch(left.metadata.token_endpoint, form({
    grant_type: 'authorization_code',
    code: query.get('code'),
    redirect_uri: job.redirect_uri,
    client_id: left.clientId,
    code_verifier: left.verifier,
    resource: left.resource,
  }));
  const { access_token } = await json('token', answer);
  const called = await json('call', await call(access_token));
  say({ steps, result: called.result });
}

// === trying doors ===

async function attempt(request) {
  try {
    const answer = await request();
    return answer.type === 'opaque' ? 'opaque' : answer.status;
  } catch {
    return 'blocked';
  }
}

async function probe({ token, resource_metadata, issuer_metadata, token_endpoint, registration_endpoint }) {
  const doors = {
    'a call': () => call(),
    'a call with a token': () => call(token),
    // What needs no preflight arrives, whatever comes of it.
    'a call that asks nobody': () => call(null, { mode: 'no-cors', headers: { 'content-type': 'text/plain' } }),
    'a call with cookies': () => call(token, { credentials: 'include' }),
    'metadata of the resource': () => fetch(resource_metadata),
    'metadata of the issuer': () => fetch(issuer_metadata),
    token: () => fetch(token_endpoint, form({
      grant_type: 'authorization_code', code: 'none', client_id: job.client_id, redirect_uri: job.redirect_uri,
      code_verifier: 'a'.repeat(43),
    })),
    registration: () => fetch(registration_endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 'A page', redirect_uris: [job.redirect_uri], token_endpoint_auth_method: 'none' }),
    }),
  };
  const doorsTried = {};
  for (const [name, request] of Object.entries(doors)) doorsTried[name] = await attempt(request);
  say({ doors: doorsTried });
}

async function run() {
  if (job.probe) return probe(job.probe);
  const query = new URLSearchParams(location.search);
  return query.has('state') ? comeBack(query) : leave();
}

run().catch((error) => say({ steps, failed: String(error) }));
