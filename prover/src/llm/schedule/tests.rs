use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::json;
use tokio::sync::mpsc;

use super::{
    super::{
        folder::Folder,
        generation::{End, Finish, Piece, Sampling},
        network::Want,
        settings::{Dtype, Settings},
        specimen,
    },
    *,
};

/// Counts: after a byte comes the next one. It tells who was fed what, in order.
#[derive(Clone, Default)]
struct Counter(Rc<RefCell<Fed>>);

#[derive(Default)]
struct Fed {
    begun: u64,
    alive: BTreeMap<Slot, Vec<u32>>,
    order: Vec<(u64, usize)>,
    fails_at: Option<u32>,
}

impl Network for Counter {
    fn begin(&mut self, _: u64) -> Result<Slot, EngineError> {
        let mut fed = self.0.borrow_mut();
        let slot = Slot(fed.begun);
        fed.begun += 1;
        fed.alive.insert(slot, Vec::new());
        Ok(slot)
    }

    fn feed(&mut self, slot: Slot, tokens: &[u32], want: Want) -> Result<Vec<f32>, EngineError> {
        let mut fed = self.0.borrow_mut();
        let last = *tokens.last().unwrap();
        if fed.fails_at == Some(last) {
            return Err(EngineError::ModelFailed { why: "told to".to_owned() });
        }
        fed.order.push((slot.0, tokens.len()));
        fed.alive.get_mut(&slot).unwrap().extend(tokens);
        Ok(match want {
            Want::Nothing => Vec::new(),
            Want::Logits => {
                (0..261).map(|token| if token == last + 1 { 9.0 } else { 0.0 }).collect()
            }
            Want::Sum => vec![tokens.iter().sum::<u32>() as f32, 1.0],
            Want::Last => vec![last as f32, 1.0],
        })
    }

    fn end(&mut self, slot: Slot) {
        self.0.borrow_mut().alive.remove(&slot).unwrap();
    }

    fn bytes_per_token(&self) -> u64 {
        10
    }

    fn in_parts(&self) -> bool {
        true
    }
}

struct Stage {
    turns: Turns,
    counter: Counter,
    digest: ModelDigest,
}

fn stage(limits: Limits) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"model_type": "llama", "hidden_size": 2, "intermediate_size": 2, "num_hidden_layers": 1,
        "num_attention_heads": 1, "vocab_size": 261, "max_position_embeddings": 100, "eos_token_id": 255});
    specimen::write(folder.path(), &config, 1, Dtype::F32, 1).unwrap();
    let model = Folder::open(folder.path())
        .unwrap()
        .load(Settings::default(), &mut |_| {}, &mut |_| Ok(()))
        .unwrap();
    let (counter, digest) = (Counter::default(), model.digest());
    let mut turns = Turns::new(limits);
    turns.add(Loaded { model: Arc::new(model), network: Box::new(counter.clone()) });
    Stage { turns, counter, digest }
}

const LIMITS: Limits = Limits { sequences: 4, waiting: 4, cache_bytes: 10_000, chunk: 10 };

impl Stage {
    fn ask(
        &mut self,
        prompt: &[u32],
        max_tokens: u32,
        stop: &[&str],
        room: usize,
    ) -> mpsc::Receiver<Piece> {
        let (pieces, receiver) = mpsc::channel(room);
        self.turns.generate(self.digest, request(prompt, max_tokens, stop, pieces)).unwrap();
        receiver
    }

    fn run(&mut self) {
        for _ in 0..10_000 {
            if self.turns.turn() != Turn::Worked {
                return;
            }
        }
        panic!("it goes on for ever");
    }

    fn is_clean(&self) -> bool {
        self.counter.0.borrow().alive.is_empty()
            && self.turns.reserved == 0
            && self.turns.count() == (0, 0)
    }
}

fn request(
    prompt: &[u32],
    max_tokens: u32,
    stop: &[&str],
    pieces: mpsc::Sender<Piece>,
) -> Generation {
    let sampling = Sampling {
        temperature: 0.0,
        top_p: 1.0,
        top_k: 0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        frequency_penalty: 0.0,
        presence_penalty: 0.0,
        seed: 0,
    };
    let stop = stop.iter().map(|text| (*text).to_owned()).collect();
    Generation { prompt: prompt.to_vec(), sampling, stop, max_tokens, logprobs: None, pieces }
}

/// What came: the text, and the end.
fn came(receiver: &mut mpsc::Receiver<Piece>) -> (String, Option<End>) {
    let (mut text, mut last) = (String::new(), None);
    while let Ok(piece) = receiver.try_recv() {
        assert!(last.is_none(), "something follows the end");
        match piece {
            Piece::Token(token) => text += &token.text,
            Piece::End(end) => {
                text += &end.text;
                last = Some(end);
            }
            Piece::Failed(error) => panic!("{error}"),
        }
    }
    (text, last)
}

#[test]
fn an_answer_has_as_many_tokens_as_were_asked_for() {
    let mut stage = stage(LIMITS);
    let mut receiver = stage.ask(&[96], 5, &[], 99);
    stage.run();
    let (text, end) = came(&mut receiver);
    assert_eq!(text, "abcde");
    let end = end.unwrap();
    assert_eq!((end.finish, end.prompt_tokens, end.completion_tokens), (Finish::Length, 1, 5));
    assert!(stage.is_clean());
    assert_eq!(stage.turns.turn(), Turn::Idle);
}

#[test]
fn a_stop_text_and_an_end_token_end_it() {
    let mut stage = stage(LIMITS);
    let mut receiver = stage.ask(&[96], 50, &["de"], 99);
    stage.run();
    let (text, end) = came(&mut receiver);
    let end = end.unwrap();
    assert_eq!((text.as_str(), end.finish, end.completion_tokens), ("abc", Finish::Stop, 5));
    let mut receiver = stage.ask(&[250], 50, &[], 99);
    stage.run();
    let (text, end) = came(&mut receiver);
    let end = end.unwrap();
    assert_eq!((end.finish, end.completion_tokens), (Finish::Stop, 5));
    assert_eq!(text, "\u{fffd}".repeat(4)); // bytes 251 to 254 begin no character
    let mut receiver = stage.ask(&[96], 5, &["ef"], 99);
    stage.run();
    assert_eq!(came(&mut receiver).0, "abcde"); // the e was held back
    assert!(stage.is_clean());
}

#[test]
fn an_answer_ends_where_the_context_does() {
    let mut stage = stage(LIMITS);
    let prompt: Vec<u32> = vec![48; 95];
    let mut receiver = stage.ask(&prompt, 1000, &[], 99);
    stage.run();
    let (text, end) = came(&mut receiver);
    assert_eq!((text.as_str(), end.unwrap().finish), ("12345", Finish::Length));
    let (pieces, _receiver) = mpsc::channel(1);
    for length in [0, 100, 1000] {
        let found =
            stage.turns.generate(stage.digest, request(&vec![1; length], 1, &[], pieces.clone()));
        assert_eq!(found, Err(EngineError::PromptLength { found: length, most: 99 }));
    }
    assert!(stage.is_clean());
}

#[test]
fn a_long_prompt_holds_nobody_up() {
    let mut stage = stage(LIMITS);
    let mut long = stage.ask(&[48; 60], 2, &[], 99);
    let mut short = stage.ask(&[96], 5, &[], 99);
    stage.run();
    assert_eq!((came(&mut long).0.as_str(), came(&mut short).0.as_str()), ("12", "abcde"));
    let order = stage.counter.0.borrow().order.clone();
    let turns = [
        (0, 10),
        (1, 1),
        (0, 10),
        (1, 1),
        (0, 10),
        (1, 1),
        (0, 10),
        (1, 1),
        (0, 10),
        (1, 1),
        (0, 10),
        (0, 1),
    ];
    assert_eq!(order, turns);
}

#[test]
fn who_does_not_read_waits_and_who_has_gone_ends() {
    let mut stage = stage(LIMITS);
    let mut slow = stage.ask(&[96], 8, &[], 2);
    let mut other = stage.ask(&[64], 3, &[], 99);
    stage.run();
    assert_eq!(stage.turns.turn(), Turn::Waiting);
    assert_eq!(came(&mut other).0, "ABC");
    let mut all = String::new();
    loop {
        let (text, end) = came(&mut slow);
        all += &text;
        if end.is_some() {
            break;
        }
        stage.run();
    }
    assert_eq!(all, "abcdefgh");
    stage.run();
    assert!(stage.is_clean());
    // Gone in the midst of the prompt, of the answer, and before it began.
    let gone: Vec<_> =
        (0..4).map(|index| stage.ask(&vec![48; 1 + 10 * index], 50, &[], 1)).collect();
    stage.turns.turn();
    drop(gone);
    stage.run();
    assert!(stage.is_clean());
}

#[test]
fn more_than_may_wait_and_more_than_fits_is_refused() {
    let mut stage = stage(Limits { sequences: 2, waiting: 3, cache_bytes: 300, chunk: 10 });
    let mut receivers: Vec<_> = Vec::new();
    for _ in 0..2 {
        receivers.push(stage.ask(&[96], 19, &[], 99));
        receivers.push(stage.ask(&[96], 4, &[], 99));
        stage.turns.turn();
    }
    // 20 tokens go on, and 5, which fit 300 bytes; 20 more do not, and who comes after them waits too.
    assert_eq!(stage.turns.count(), (2, 2));
    receivers.push(stage.ask(&[96], 4, &[], 99));
    let (pieces, _receiver) = mpsc::channel(1);
    let found = stage.turns.generate(stage.digest, request(&[96], 4, &[], pieces.clone()));
    assert_eq!(found, Err(EngineError::Busy { most: 3 }));
    let found = stage.turns.generate(stage.digest, request(&[96], 30, &[], pieces));
    assert_eq!(found, Err(EngineError::CacheTooSmall { tokens: 31, bytes: 310, most: 300 }));
    stage.run();
    assert!(receivers.iter_mut().all(|receiver| came(receiver).1.is_some()));
    assert!(stage.is_clean());
}

#[test]
fn a_failure_is_told_and_others_go_on() {
    let mut stage = stage(LIMITS);
    let mut other = stage.ask(&[64], 3, &[], 99);
    let mut failing = stage.ask(&[96], 9, &[], 99);
    stage.counter.0.borrow_mut().fails_at = Some(99);
    stage.run();
    assert_eq!(came(&mut other).0, "ABC");
    let pieces: Vec<_> = std::iter::from_fn(|| failing.try_recv().ok()).collect();
    assert_eq!(pieces.len(), 4);
    assert!(matches!(pieces[3], Piece::Failed(EngineError::ModelFailed { .. })));
    assert!(stage.is_clean());
}

#[test]
fn texts_are_embedded_in_parts() {
    let mut stage = stage(LIMITS);
    let (reply, mut answer) = oneshot::channel();
    stage.turns.embed(stage.digest, vec![vec![3; 25], vec![1, 2]], reply);
    stage.run();
    // Sums of tokens, and how many parts there were, over the number of tokens.
    assert_eq!(answer.try_recv().unwrap().unwrap(), [[3.0, 3.0 / 25.0], [1.5, 0.5]]);
    let (reply, mut answer) = oneshot::channel();
    stage.turns.embed(stage.digest, vec![vec![3; 101]], reply);
    assert_eq!(answer.try_recv().unwrap().unwrap_err().code(), "engine-prompt-length");
    let (reply, answer) = oneshot::channel();
    stage.turns.embed(stage.digest, vec![vec![3; 50]], reply);
    stage.turns.turn();
    drop(answer);
    stage.run();
    assert!(stage.is_clean());
}
