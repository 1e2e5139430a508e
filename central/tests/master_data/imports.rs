//! Imports: everything or nothing, and one revision.

use std::fmt::Write as _;

use central::auth::{Plants, Role};
use serde_json::json;

use crate::api::Api;

#[tokio::test]
async fn an_import_creates_replaces_and_leaves_what_is_the_same_in_one_revision() {
    let api = Api::start().await;
    let before = api.revision("north").await;
    let (status, answer) =
        api.import("/products/import?plant=north", "code,title,ideal_cycle_ms\nA,Lid,1200\nB,Box,\nC,,\n").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer, json!({ "dry_run": false, "rows": 3, "created": 3, "replaced": 0, "unchanged": 0 }));
    assert_eq!(api.revision("north").await, before + 1);
    // What a spreadsheet program makes of it: a byte order mark, semicolons, other line ends, columns in another order.
    let (_, answer) = api
        .import(
            "/products/import?plant=north",
            "\u{feff}title;code;ideal_cycle_ms\r\nLid;A;1200\r\nCrate;B;\r\n\"D; x\";D;\r\n",
        )
        .await;
    assert_eq!(answer, json!({ "dry_run": false, "rows": 3, "created": 1, "replaced": 1, "unchanged": 1 }));
    assert_eq!(api.revision("north").await, before + 2, "inserting and updating is one revision");
    let (_, answer) = api.import("/products/import?plant=north", "code,title,ideal_cycle_ms\nA,Lid,1200\n").await;
    assert_eq!(answer["unchanged"], 1);
    assert_eq!(api.revision("north").await, before + 2, "nothing changed");
    let list = api.get("/products?plant=north").await;
    let titles: Vec<_> = list["products"].as_array().unwrap().iter().map(|it| it["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Lid", "Crate", "", "D; x"]);

    let (status, answer) = api
        .import(
            "/work-orders/import?plant=north",
            "code,product,machine,quantity,due_at,active\nW1,A,press,500,2026-04-01T06:00:00+02:00,true\nW2,B,,,,no\n",
        )
        .await;
    assert_eq!((status, &answer["created"]), (200, &json!(2)), "{answer}");
    let orders = api.get("/work-orders").await;
    assert_eq!(orders["work_orders"][0]["due_at"], "2026-04-01T04:00:00Z");
    assert_eq!(orders["work_orders"][0]["machine"], "press");
    assert_eq!(orders["work_orders"][1]["active"], false);
    api.database.close().await;
}

#[tokio::test]
async fn a_file_with_a_fault_changes_nothing_and_every_fault_is_named() {
    let mut api = Api::start().await;
    api.sql("INSERT INTO products (plant_id, code) VALUES (1, 'A')").await;
    let before = api.revision("north").await;
    for (path, body, expected) in [
        (
            "/products/import?plant=north",
            "code,ideal_cycle_ms\nB,1\nC,fast\n",
            "line 3, column ideal_cycle_ms: \"fast\"",
        ),
        ("/products/import?plant=north", "code,active\nB,perhaps\n", "line 2, column active"),
        ("/products/import?plant=north", "code\nB\nB\n", "line 3, column code: \"B\" is in line 2 already"),
        (
            "/products/import?plant=north",
            "code,title\nB,\"a\u{0}b\"\n",
            "line 2, column title: holds the control character",
        ),
        ("/products/import?plant=north", "code,price\nB,1\n", "\"price\" is no column"),
        ("/products/import?plant=north", "", "column code is missing"),
        (
            "/work-orders/import?plant=north",
            "code,product\nW1,A\nW2,Z\n",
            "line 3, column product: this plant has no product \"Z\"",
        ),
        ("/work-orders/import?plant=north", "code,product,machine\nW1,A,saw\n", "line 2, column machine"),
        (
            "/work-orders/import?plant=north",
            "code,product,due_at\nW1,A,tomorrow\n",
            "line 2, column due_at: \"tomorrow\" is not a moment",
        ),
        ("/operators/import?plant=north", "number,name,pin\n1,Anna,1234\n", "line 2, column pin"),
        ("/operators/import?plant=north", "number,name,badge\n1,Anna,same\n2,Ben,same\n", "line 3, column badge"),
        ("/products/import", "code\nB\n", "plant"),
        ("/products/import?plant=north&dry_run=maybe", "code\nB\n", "dry_run"),
    ] {
        let (status, answer) = api.import(path, body).await;
        assert_eq!(status, 400, "{path} {body}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(expected), "{expected}: {answer}");
    }
    let (status, _) = api.import("/products/import?plant=north", &b"code\nB\xff\n"[..]).await;
    assert_eq!(status, 400);
    let (status, _) = api.import("/products/import?plant=nowhere", "code\nB\n").await;
    assert_eq!(status, 404);
    let (status, _) = api.send("POST", "/products/import?plant=north", "application/json", "code\nB\n").await;
    assert_eq!(status, 415);
    let (status, _) = api.import("/products/import?plant=north", "x".repeat(5 * 1024 * 1024)).await;
    assert_eq!(status, 413);
    api.asked_by(Role::ShiftLead, Plants::All).await;
    let (status, _) = api.import("/products/import?plant=north", "code\nB\n").await;
    assert_eq!(status, 403);
    assert_eq!(api.revision("north").await, before);
    assert_eq!(api.get("/products").await["products"].as_array().unwrap().len(), 1);
    api.database.close().await;
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let api = Api::start().await;
    let before = api.revision("north").await;
    for path in ["/products/import", "/operators/import"] {
        let body = if path.contains("operators") { "number,name\n1,Anna\n" } else { "code\nA\n" };
        let (status, answer) = api.import(&format!("{path}?plant=north&dry_run=true"), body).await;
        assert_eq!((status, &answer["created"], &answer["dry_run"]), (200, &json!(1), &json!(true)), "{answer}");
    }
    assert_eq!(api.get("/products").await["products"], json!([]));
    assert_eq!(api.get("/operators").await["operators"], json!([]));
    assert_eq!(api.revision("north").await, before);
    api.database.close().await;
}

#[tokio::test]
async fn large_files_are_one_revision_too() {
    let api = Api::start().await;
    let before = api.revision("north").await;
    let mut products = String::from("code,title\n");
    for n in 0..10_000 {
        let _ = writeln!(products, "P-{n},Product {n}");
    }
    let (status, answer) = api.import("/products/import?plant=north", products).await;
    assert_eq!((status, &answer["created"]), (200, &json!(10_000)), "{answer}");
    assert_eq!(api.revision("north").await, before + 1);

    let mut operators = String::from("number,name,badge,pin\n");
    for n in 0..500 {
        let _ = writeln!(operators, "{n},Operator {n},badge-{n:05},{}", 47_110_815 + n * 37);
    }
    let (status, answer) = api.import("/operators/import?plant=north", operators.clone()).await;
    assert_eq!((status, &answer["created"]), (200, &json!(500)), "{answer}");
    assert_eq!(api.revision("north").await, before + 2);
    // Somebody else's badge is named by line.
    let (status, answer) =
        api.import("/operators/import?plant=north", "number,name,badge\nnew,New,badge-00007\n").await;
    assert_eq!(status, 400);
    assert!(answer["detail"].as_str().unwrap().contains("line 2, column badge: it is operator \"7\"'s"), "{answer}");
    api.database.close().await;
}
