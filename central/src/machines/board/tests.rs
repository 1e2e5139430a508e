use proptest::prelude::*;

use super::*;

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

fn machine(id: i32, plant_id: i32, good: i64, reported_ms: Option<i64>) -> BoardMachine {
    BoardMachine {
        id,
        plant: format!("plant-{plant_id}"),
        plant_id,
        line: None,
        line_title: None,
        name: format!("machine-{id}"),
        title: String::new(),
        agent: "hall".into(),
        state: Some(MachineState::Running),
        state_since: Some(at(0)),
        reported_at: reported_ms.map(at),
        last_reading_at: reported_ms.map(at),
        good,
        scrap: 0,
        rework: 0,
        job: None,
        unexplained_stops: 0,
        open_stop: None,
        operators: Vec::new(),
    }
}

#[test]
fn ages_alone_are_told_every_few_seconds_and_anything_else_at_once() {
    let mut board = Board::default();
    assert_eq!(board.advance(vec![machine(1, 1, 5, Some(0))], at(0)).changed.len(), 1);
    assert!(board.advance(vec![machine(1, 1, 5, Some(900))], at(1_000)).is_empty());
    let changes = board.advance(vec![machine(1, 1, 6, Some(1_900))], at(2_000));
    assert_eq!(changes.changed[0].machine, machine(1, 1, 6, Some(1_900)));
    assert!(board.advance(vec![machine(1, 1, 6, Some(6_800))], at(6_900)).is_empty());
    assert_eq!(board.advance(vec![machine(1, 1, 6, Some(6_900))], at(7_000)).changed.len(), 1);
    assert!(board.advance(vec![machine(1, 1, 6, Some(6_900))], at(60_000)).is_empty(), "nothing at all changed");
    // A first report is no mere age.
    let mut board = Board::default();
    board.advance(vec![machine(1, 1, 0, None)], at(0));
    assert_eq!(board.advance(vec![machine(1, 1, 0, Some(10))], at(20)).changed.len(), 1);
}

/// A browser: a snapshot, then what it is told.
fn follow(client: &mut BTreeMap<i32, BoardMachine>, changes: &Changes) {
    for (id, _) in &changes.removed {
        client.remove(id);
    }
    for told in &changes.changed {
        let machine: BoardMachine = serde_json::from_str(&told.json).unwrap();
        client.insert(machine.id, machine);
    }
}

fn rows() -> impl Strategy<Value = Vec<BoardMachine>> {
    let one = (0..3_i32, 0..3_i64, prop::option::of(0..20_i64));
    prop::collection::btree_map(0..6_i32, one, 0..6).prop_map(|machines| {
        let row =
            |(id, (plant, good, s)): (i32, (i32, i64, Option<i64>))| machine(id, plant, good, s.map(|s| s * 1_000));
        machines.into_iter().map(row).collect()
    })
}

proptest! {
    #[test]
    fn following_changes_ends_in_what_reloading_gives(steps in prop::collection::vec((rows(), 0..8_000_i64), 1..20)) {
        let mut board = Board::default();
        let mut client = BTreeMap::new();
        let mut now = 0;
        for (rows, later) in steps {
            now += later;
            follow(&mut client, &board.advance(rows.clone(), at(now)));
            let told: BTreeMap<i32, BoardMachine> =
                board.machines().map(|told| (told.machine.id, told.machine.clone())).collect();
            prop_assert_eq!(&client, &told);
            // But for ages, that is what was read.
            let ageless = |machine: &BoardMachine| BoardMachine { reported_at: None, last_reading_at: None, ..machine.clone() };
            prop_assert_eq!(client.values().map(ageless).collect::<Vec<_>>(), rows.iter().map(ageless).collect::<Vec<_>>());
            // And when it is read again later, ages too.
            let mut later = board.clone();
            let mut of_later = client.clone();
            follow(&mut of_later, &later.advance(rows.clone(), at(now + 5_000)));
            prop_assert_eq!(of_later.into_values().collect::<Vec<_>>(), rows);
        }
    }
}
