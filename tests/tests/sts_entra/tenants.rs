//! Two tenants: each person is exchanged where the verified token comes from, and nowhere else.

use obolus_tests::fixtures::entra::Style;

use crate::world::{World, granted, refused};

const TARGET: Style = Style::CertificatePs256;

#[tokio::test(flavor = "multi_thread")]
async fn each_person_is_exchanged_in_the_tenant_that_issued_the_token() {
    let world = World::start().await.unwrap();
    let directory = world.entra.emulator.directory();
    for (person, tenant) in [("alice", "contoso"), ("frida", "fabrikam"), ("guest", "contoso")] {
        let id = &directory.tenant(tenant).unwrap().id;
        let claims = world.claims(&world.token(person).await, TARGET.name()).await;
        assert_eq!(claims["tid"], *id);
        assert_eq!(claims["oid"], world.entra.object_id(person));
        let asked = world.asked().pop().unwrap();
        assert_eq!(asked.path, format!("/{id}/oauth2/v2.0/token"), "{person}");
        let line = world.lines().pop().unwrap();
        assert_eq!(line["tenant"], *id);
        assert_eq!(line["subject"], world.entra.object_id(person));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_not_listed_is_refused_before_anybody_is_asked() {
    let world = World::start_with(&[], |options| {
        let (head, rest) = options.more.split_once("tenants = [").unwrap();
        let (list, rest) = rest.split_once(']').unwrap();
        let first = list.split(',').next().unwrap();
        options.more = format!("{head}tenants = [{first}]{rest}");
    })
    .await
    .unwrap();
    let frida = world.token("frida").await;
    assert_eq!(world.exchange(&frida, TARGET.name()).await, refused(401, "tenant_refused"));
    assert!(world.asked().is_empty());
    for person in ["alice", "guest"] {
        assert_eq!(world.exchange(&world.token(person).await, TARGET.name()).await, granted());
    }
    let directory = world.entra.emulator.directory();
    for (tenant, status) in [("contoso", 200), ("fabrikam", 404)] {
        let id = &directory.tenant(tenant).unwrap().id;
        let url = format!("{}/keys/entra/{id}", world.sts.url());
        assert_eq!(world.http.get(url).send().await.unwrap().status(), status, "{tenant}");
    }
}
