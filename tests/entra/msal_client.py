"""What Microsoft's own library for Python sends, and what it sends with one thing left out.

    msal_client.py JOBS ANSWERS

JOBS is a file with a JSON list; ANSWERS gets a list of as many objects: what MSAL returned, or `{"raised": text}`. A job:

    flow         "obo", "code" or "client": on behalf of a user, authorization code, client credentials
    authority    https://HOST/TENANT
    ca_file      whom to trust for HOST; nobody else is
    client_id    the application
    credential   as ConfidentialClientApplication takes it; with "thumbprint": null an assertion that names no certificate;
                 absent for a public client
    assertion    (obo) the user's token
    login_hint   (code) who signs in; the provider must not ask
    redirect_uri (code)
    scopes       a list
    claims       optional claims challenge
    left_out     names of form parameters that are taken out of what MSAL posts, and of query parameters of
                 the authorization request

Secrets come by file and not on the command line, where others on the machine can read them.
"""

import json
import sys
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msal
import requests
from msal.oauth2cli.assertion import JwtAssertionCreator


class Wire(requests.Session):
    """A session that leaves things out of forms, and remembers which parameters were sent."""

    def __init__(self, ca_file, left_out):
        super().__init__()
        self.trust_env = False  # no proxy and no certificates of the environment
        self.verify = ca_file
        self.left_out = left_out
        self.sent = []

    def request(self, method, url, **options):
        if isinstance(options.get("data"), dict):
            form = {k: v for k, v in options["data"].items() if k not in self.left_out}
            self.sent = sorted(form)
            options["data"] = form
        return super().request(method, url, timeout=20, **options)


def unnamed(credential, endpoint, client_id):
    """An assertion as MSAL signs it, but for the header that says with which certificate."""
    creator = JwtAssertionCreator(credential["private_key"], algorithm="PS256")
    return {"client_assertion": creator.create_normal_assertion(endpoint, client_id)}


def application(job, wire):
    options = {
        "authority": job["authority"],
        "instance_discovery": False,  # nobody but the authority itself is asked about it
        "http_client": wire,
    }
    credential = job.get("credential")
    if credential is None:
        return msal.PublicClientApplication(job["client_id"], **options)
    if isinstance(credential, dict) and credential.get("thumbprint", "") is None:
        endpoint = job["authority"] + "/oauth2/v2.0/token"
        credential = unnamed(credential, endpoint, job["client_id"])
    return msal.ConfidentialClientApplication(
        job["client_id"], client_credential=credential, **options
    )


def authorization_code(app, job, wire):
    flow = app.initiate_auth_code_flow(
        job["scopes"], redirect_uri=job["redirect_uri"], login_hint=job["login_hint"]
    )
    address = urlsplit(flow["auth_uri"])
    query = [(k, v) for k, v in parse_qsl(address.query) if k not in wire.left_out]
    address = urlunsplit(address._replace(query=urlencode(query)))
    answer = wire.get(address, allow_redirects=False)
    back = answer.headers.get("location")
    if back is None:
        return {"error": "no redirection", "status": answer.status_code, "page": answer.text}
    return app.acquire_token_by_auth_code_flow(flow, dict(parse_qsl(urlsplit(back).query)))


def run(job):
    wire = Wire(job["ca_file"], job.get("left_out", []))
    try:
        app = application(job, wire)
        if job["flow"] == "obo":
            answer = app.acquire_token_on_behalf_of(
                job["assertion"], job["scopes"], claims_challenge=job.get("claims")
            )
        elif job["flow"] == "client":
            answer = app.acquire_token_for_client(job["scopes"])
        else:
            answer = authorization_code(app, job, wire)
        # MSAL adds an exception or a source of its own now and then; what is not JSON is shown as text.
        answer = json.loads(json.dumps(answer, default=str))
    except Exception as error:  # whatever it raises is the answer
        answer = {"raised": f"{type(error).__name__}: {error}"}
    return {**answer, "sent": wire.sent}


def main():
    jobs, answers = sys.argv[1:]
    with open(jobs, encoding="utf-8") as file:
        work = json.load(file)
    with open(answers, "w", encoding="utf-8") as file:
        json.dump([run(job) for job in work], file)


if __name__ == "__main__":
    main()
