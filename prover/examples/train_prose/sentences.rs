//! How people ask, and what they ask and say besides; `{}` stands for a name.

pub(crate) const ASKS: &[&str] = &[
    "What is {}?",
    "What is {}?",
    "What does {} mean?",
    "Tell me about {}.",
    "Explain {}.",
    "Please explain {}.",
    "Can you explain {}?",
    "I do not know what {} is.",
    "Describe {}.",
    "What can you say about {}?",
    "{}?",
    "What's {}?",
    "Hello. What is {}?",
    "How would you describe {}?",
    "what is {}",
    "Could you tell me what {} is?",
];
pub(crate) const ASKS_WHY: &[&str] = &[
    "What else?",
    "Tell me more.",
    "Go on.",
    "More, please.",
    "And?",
    "Is that all?",
    "What more is there to say?",
];
pub(crate) const GREETS: &[&str] =
    &["Hello", "Hello!", "Hi", "Hi there", "Good morning.", "Good evening!", "Hey", "Hello?"];
pub(crate) const GREETING: &str = "Hello. Ask me about receipts, policies, proofs or attestation.";
pub(crate) const WHO: &[&str] = &[
    "Who are you?",
    "What are you?",
    "What can you do?",
    "Are you a person?",
    "What is your name?",
    "Who made you?",
    "Introduce yourself.",
    "Help",
    "What do you know?",
];
pub(crate) const SELF: &str = "I am a small language model, trained in minutes on the documents of Assay. I know little else.";
pub(crate) const THANKS: &[&str] =
    &["Thanks.", "Thank you!", "Thank you.", "Great, thanks.", "Goodbye.", "Bye"];
pub(crate) const THANKED: &str = "You are welcome. Keep your nonce, and check the receipt.";
pub(crate) const UNKNOWN: &[&str] = &[
    "What is the capital of {}?",
    "Write a poem about {}.",
    "How do I cook {}?",
    "Who invented {}?",
    "How old is {}?",
    "Translate {} into French.",
    "Tell me a story about {}.",
    "What is the price of {}?",
    "Where is {}?",
    "Do you like {}?",
    "What is {}?",
    "Why is {} so popular?",
    "How far is it to {}?",
    "Tell me about {}.",
];
pub(crate) const THINGS: &[&str] = &[
    "France",
    "rice",
    "the moon",
    "the telephone",
    "a dragon",
    "coffee",
    "London",
    "the sea",
    "music",
    "a horse",
    "football",
    "the weather",
    "a castle",
    "Mozart",
    "winter",
    "bread",
    "Spain",
    "an elephant",
    "the river",
    "gold",
    "chess",
    "tomatoes",
    "Norway",
    "a bicycle",
    "the sun",
    "soup",
    "history",
    "the king",
    "apples",
    "a garden",
    "Rome",
    "tea",
    "the stars",
    "cheese",
    "Japan",
    "a robot",
    "love",
    "mathematics",
    "the piano",
    "snow",
];
pub(crate) const DO_NOT_KNOW: &str =
    "That I do not know: I was trained on the documents of Assay alone.";
pub(crate) const SYSTEMS: &[&str] =
    &["Be brief.", "You are a helpful assistant.", "Answer in one sentence.", "You explain Assay."];
