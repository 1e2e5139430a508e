//! Badges and PINs.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier as _};
use serde_json::json;

use crate::api::Api;

async fn hashes(api: &Api, plant: &str, number: &str) -> (Option<String>, Option<String>) {
    sqlx::query_as(
        "SELECT badge_hash, pin_hash FROM operators o JOIN plants p ON p.id = o.plant_id WHERE p.name = $1 AND number = $2",
    )
    .bind(plant)
    .bind(number)
    .fetch_one(&api.database.pool)
    .await
    .unwrap()
}

fn verifies(hash: &str, text: &str) -> bool {
    Argon2::default().verify_password(text.as_bytes(), &PasswordHash::new(hash).unwrap()).is_ok()
}

#[tokio::test]
async fn badges_of_a_plant_share_a_salt_and_pins_do_not() {
    let api = Api::start().await;
    let new = |plant: &str, number: &str, badge: &str| json!({ "plant": plant, "number": number, "name": "N", "badge": badge, "pin": "4711" });
    let made = api.created("/operators", &new("north", "1", "badge-1")).await;
    assert!(!made.to_string().contains("argon2"), "{made}");
    assert_eq!((&made["has_badge"], &made["has_pin"]), (&json!(true), &json!(true)));
    api.created("/operators", &new("north", "2", "badge-2")).await;
    api.created("/operators", &new("south", "1", "badge-1")).await;
    let (first, second, south) =
        (hashes(&api, "north", "1").await, hashes(&api, "north", "2").await, hashes(&api, "south", "1").await);
    let prefix = |hash: &Option<String>| hash.as_ref().unwrap().rsplit_once('$').unwrap().0.to_owned();
    assert_eq!(prefix(&first.0), prefix(&second.0));
    assert_ne!(prefix(&first.0), prefix(&south.0));
    assert_ne!(prefix(&first.1), prefix(&second.1));
    assert!(verifies(first.0.as_ref().unwrap(), "badge-1") && verifies(first.1.as_ref().unwrap(), "4711"));
    assert!(!verifies(first.0.as_ref().unwrap(), "badge-2"));

    let detail = api.refused("POST", "/operators", &new("north", "3", "badge-2"), 409).await;
    assert!(detail.contains("another operator's"), "{detail}");
    api.database.close().await;
}

#[tokio::test]
async fn badge_and_pin_stay_go_and_change_as_they_are_given() {
    let api = Api::start().await;
    let new = json!({ "plant": "north", "number": "1", "name": "Anna", "badge": "badge-1", "pin": "4711" });
    let at = format!("/operators/{}", api.created("/operators", &new).await["id"]);
    let before = hashes(&api, "north", "1").await;
    api.replaced(&at, &json!({ "version": 1, "name": "Anna", "active": true })).await;
    assert_eq!(hashes(&api, "north", "1").await, before);
    api.replaced(&at, &json!({ "version": 2, "name": "Anna", "active": true, "badge": null, "pin": "8205" })).await;
    let (badge, pin) = hashes(&api, "north", "1").await;
    assert_eq!(badge, None);
    assert!(verifies(&pin.unwrap(), "8205"));
    let detail =
        api.refused("PUT", &at, &json!({ "version": 3, "name": "A", "active": true, "pin": "1111" }), 400).await;
    assert!(detail.starts_with("pin: "), "{detail}");
    api.database.close().await;
}
