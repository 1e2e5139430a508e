//! `alert_rules`.

use sqlx::{PgConnection, PgPool};

use super::{EffectiveRule, IncidentKind, Rule, RuleSet};

/// A plant by name, if it is one of `plants`.
pub async fn plant(pool: &PgPool, plants: Option<&[i32]>, name: &str) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar("SELECT id FROM plants WHERE name = $1 AND ($2::int[] IS NULL OR id = ANY ($2))")
        .bind(name)
        .bind(plants)
        .fetch_optional(pool)
        .await
}

/// A line of a plant by name.
pub async fn line(pool: &PgPool, plant: i32, name: &str) -> sqlx::Result<Option<i32>> {
    sqlx::query_scalar("SELECT id FROM lines WHERE plant_id = $1 AND name = $2")
        .bind(plant)
        .bind(name)
        .fetch_optional(pool)
        .await
}

/// What counts in a plant: for itself first, then for every line by name.
pub async fn effective(pool: &PgPool, plant: i32) -> sqlx::Result<Vec<RuleSet>> {
    // Line, kind, enabled, threshold, whether it is set there itself.
    type Row = (Option<String>, String, bool, Option<i32>, bool);
    let kinds: Vec<&str> = IncidentKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT w.line, k.kind, r.enabled, r.threshold_s,
                EXISTS (SELECT FROM alert_rules o WHERE o.kind = k.kind AND o.plant_id = $1
                        AND o.line_id IS NOT DISTINCT FROM w.id)
         FROM (SELECT NULL::int AS id, NULL::text AS line UNION ALL SELECT id, name FROM lines WHERE plant_id = $1) w
         CROSS JOIN unnest($2::text[]) WITH ORDINALITY k(kind, place)
         CROSS JOIN LATERAL alert_rule(k.kind, $1, w.id) r
         ORDER BY w.line NULLS FIRST, k.place",
    )
    .bind(plant)
    .bind(kinds)
    .fetch_all(pool)
    .await?;
    let mut sets: Vec<RuleSet> = Vec::new();
    for (line, kind, enabled, threshold_s, own) in rows {
        let Some(kind) = IncidentKind::named(&kind) else { continue };
        if sets.last().is_none_or(|set| set.line != line) {
            sets.push(RuleSet { line, rules: Vec::new() });
        }
        if let Some(set) = sets.last_mut() {
            set.rules.push(EffectiveRule { kind, enabled, threshold_s, own });
        }
    }
    Ok(sets)
}

/// Puts these rules in the place of all that were set right there, and answers those, by kind.
pub async fn replace(
    connection: &mut PgConnection,
    plant: i32,
    line: Option<i32>,
    rules: &[Rule],
    by: &str,
) -> sqlx::Result<Vec<Rule>> {
    let before: Vec<(String, bool, Option<i32>)> = sqlx::query_as(
        "DELETE FROM alert_rules WHERE plant_id = $1 AND line_id IS NOT DISTINCT FROM $2
         RETURNING kind, enabled, threshold_s",
    )
    .bind(plant)
    .bind(line)
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO alert_rules (kind, plant_id, line_id, enabled, threshold_s, changed_by)
         SELECT kind, $1, $2, enabled, threshold_s, $6 FROM unnest($3::text[], $4::bool[], $5::int[]) t(kind, enabled, threshold_s)
         ON CONFLICT (kind, plant_id, line_id) DO UPDATE
         SET enabled = excluded.enabled, threshold_s = excluded.threshold_s, changed_by = excluded.changed_by,
             changed_at = now()",
    )
    .bind(plant)
    .bind(line)
    .bind(rules.iter().map(|rule| rule.kind.as_str()).collect::<Vec<_>>())
    .bind(rules.iter().map(|rule| rule.enabled).collect::<Vec<_>>())
    .bind(rules.iter().map(|rule| rule.threshold_s).collect::<Vec<_>>())
    .bind(by)
    .execute(connection)
    .await?;
    let rule = |(kind, enabled, threshold_s): (String, bool, Option<i32>)| {
        Some(Rule { kind: IncidentKind::named(&kind)?, enabled, threshold_s })
    };
    let mut before: Vec<Rule> = before.into_iter().filter_map(rule).collect();
    before.sort_by_key(|rule| rule.kind);
    Ok(before)
}
