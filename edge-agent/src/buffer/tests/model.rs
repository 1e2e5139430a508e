//! The log against a model of it in memory, over arbitrary histories with restarts in between.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append { counts: u8, measurements: u8, wrong: bool },
    Read { after: u64, max: usize },
    Acknowledge { part: u8 },
    Restamp { boot: u32, offset_us: i64 },
    DropMeasurements { after: u64 },
    State { key: u8, value: u8 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..20_u8, 0..5_u8, any::<bool>())
            .prop_map(|(counts, measurements, wrong)| Step::Append { counts, measurements, wrong }),
        2 => (0..200_u64, 1..50_usize).prop_map(|(after, max)| Step::Read { after, max }),
        2 => any::<u8>().prop_map(|part| Step::Acknowledge { part }),
        1 => (1..3_u32, -1_000..1_000_i64).prop_map(|(boot, offset_us)| Step::Restamp { boot, offset_us }),
        1 => (0..100_u64).prop_map(|after| Step::DropMeasurements { after }),
        1 => (0..3_u8, any::<u8>()).prop_map(|(key, value)| Step::State { key, value }),
        1 => Just(Step::Restart),
    ]
}

#[derive(Debug, Default)]
struct Model {
    /// Event 1 first; acknowledged ones stay here.
    events: Vec<RawEvent>,
    acknowledged: usize,
    states: HashMap<String, Vec<u8>>,
}

impl Model {
    fn dropped_in_backlog(&self) -> usize {
        self.events[self.acknowledged..].iter().filter(|event| event.kind.0 == 0).count()
    }

    fn hash(&self) -> ChainHash {
        ChainHash::START.after(&self.events[..self.acknowledged])
    }
}

fn appended(counted: u8, measured: u8, wrong: bool) -> Append {
    let clock = if wrong { ClockQuality::Wrong } else { ClockQuality::Unverified };
    let boot = u32::from(counted % 2) + 1;
    let all = (0..counted).map(|n| count(n.into())).chain((0..measured).map(|n| measurement("t", n.into())));
    let events = all.map(|event| PendingEvent { clock, monotonic: Monotonic { boot, us: 5 }, ..event }).collect();
    Append { events, ..Append::default() }
}

async fn check(buffer: &Buffer, model: &Model) {
    let position = buffer.position().await.unwrap();
    assert_eq!(position.newest.0, model.events.len() as u64);
    assert_eq!(position.acknowledged.0, model.acknowledged as u64);
    let backlog = model.events.len() - model.acknowledged - model.dropped_in_backlog();
    assert_eq!(position.backlog_events, backlog as u64);
    assert_eq!(position.hash, model.hash());
    assert_eq!(position.oldest_at, model.events.get(model.acknowledged).map(|event| event.at));
}

async fn run(steps: Vec<Step>) {
    let bench = Bench::new();
    let (mut buffer, _) = bench.open();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append { counts, measurements, wrong } => {
                let append = appended(counts, measurements, wrong);
                for event in &append.events {
                    let raw = RawEvent::new(event.at, event.clock, event.monotonic, OriginId(1), &event.kind);
                    model.events.push(raw);
                }
                let expected = (!append.events.is_empty()).then_some(Seq(model.events.len() as u64));
                assert_eq!(buffer.append(append).await.unwrap(), expected);
            }
            Step::Read { after, max } => {
                let run = buffer.read(Seq(after), max, 1 << 20).await.unwrap();
                let from = (usize::try_from(after).unwrap()).max(model.acknowledged);
                let expected: Vec<_> = model.events.iter().skip(from).take(max).cloned().collect();
                assert_eq!((run.first, run.events), (Seq(from as u64 + 1), expected));
            }
            Step::Acknowledge { part } => {
                let backlog = model.events.len() - model.acknowledged;
                model.acknowledged += backlog * usize::from(part) / 255;
                buffer.acknowledge(Seq(model.acknowledged as u64), model.hash()).await.unwrap();
            }
            Step::Restamp { boot, offset_us } => {
                let mut corrected = 0;
                for event in &mut model.events[model.acknowledged..] {
                    if event.monotonic.boot == boot && event.clock == ClockQuality::Wrong {
                        event.at = event.at.plus_us(offset_us);
                        event.clock = ClockQuality::Restamped;
                        corrected += 1;
                    }
                }
                assert_eq!(buffer.restamp(boot, offset_us).await.unwrap(), corrected);
            }
            Step::DropMeasurements { after } => {
                let after = after.max(model.acknowledged as u64);
                buffer
                    .meddle(move |log| {
                        let newest = log.mark.newest;
                        log.drop_measurements(Seq(after), newest, |_| true).unwrap();
                        // Its gap would be one more event: it is told already, as far as this history goes.
                        log.forget_loss();
                    })
                    .await;
                for event in model.events.iter_mut().skip(usize::try_from(after).unwrap()) {
                    if event.kind.0 == 7 {
                        event.kind = EventKind::Dropped.tag();
                        event.body.clear();
                    }
                }
            }
            Step::State { key, value } => {
                let (key, state) = (key.to_string(), vec![value]);
                model.states.insert(key.clone(), state.clone());
                let append = Append { states: vec![(key, state)], ..Append::default() };
                assert_eq!(buffer.append(append).await.unwrap(), None);
            }
            Step::Restart => {
                buffer.close().await;
                buffer = bench.open().0;
                assert_eq!(buffer.states().await.unwrap(), model.states);
            }
        }
        check(&buffer, &model).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn the_log_is_what_the_model_is(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(steps));
    }
}
