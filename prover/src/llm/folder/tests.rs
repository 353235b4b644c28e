use std::path::Path;

use serde_json::json;

use super::{super::specimen, *};

fn config() -> serde_json::Value {
    json!({"model_type": "llama", "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 261, "max_position_embeddings": 64,
        "eos_token_id": 5})
}

fn written(shards: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    specimen::write(folder.path(), &config(), 1, Dtype::F32, shards).unwrap();
    folder
}

fn load(path: &Path) -> Result<Model, Error> {
    Folder::open(path)?.load(Settings::default(), &mut |_| {}, &mut |_| Ok(()))
}

fn code(path: &Path) -> &'static str {
    load(path).err().unwrap().code()
}

/// The digest over all files of a folder, whole.
fn digest(path: &Path) -> ModelDigest {
    let files: Vec<(String, Vec<u8>)> = fs::read_dir(path)
        .unwrap()
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect();
    let files: Vec<_> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    ModelDigest::of(ModelKind::SafeTensors, &files)
}

#[test]
fn the_digest_is_of_all_files_and_every_byte_is_given_once() {
    for shards in [1, 3] {
        let folder = written(shards);
        let (mut read, mut names, mut bytes) = (0, BTreeSet::new(), 0);
        let model = Folder::open(folder.path())
            .unwrap()
            .load(
                Settings::default(),
                &mut |reading| {
                    assert!(reading.read > read && reading.read <= reading.of);
                    read = reading.read;
                },
                &mut |given| {
                    let Given::Tensor(weight) = given else { unreachable!() };
                    assert_eq!(weight.bytes.len(), 4 * weight.shape.iter().product::<usize>());
                    assert!(names.insert(weight.name.to_owned()));
                    bytes += weight.bytes.len();
                    Ok(())
                },
            )
            .unwrap();
        assert_eq!(model.digest(), digest(folder.path()));
        assert_eq!(names.len(), 3 + 2 * 9);
        assert!(read > u64::try_from(bytes).unwrap());
        assert_eq!(model.settings().dtype, Some(Dtype::F32));
        assert_eq!((model.context(), model.vocabulary(), model.generates()), (64, 261, true));
    }
}

#[test]
fn an_answer_ends_where_any_of_the_files_says() {
    let folder = written(1);
    fs::write(folder.path().join("generation_config.json"), "{\"eos_token_id\": [6, 7]}").unwrap();
    let model = load(folder.path()).unwrap();
    assert_eq!((0..261).filter(|token| model.ends(*token)).collect::<Vec<_>>(), [5, 6, 7, 260]);
    assert_eq!(model.digest(), digest(folder.path()));
}

#[test]
fn a_template_of_its_own_file_comes_first() {
    let folder = written(1);
    let messages: minijinja::Value =
        serde_json::from_str(r#"[{"role": "user", "content": "a"}]"#).unwrap();
    let text = |folder: &tempfile::TempDir| {
        load(folder.path()).unwrap().chat_text(&messages, None).unwrap()
    };
    assert_eq!(text(&folder), "<|begin|>[user] a\n[assistant] ");
    let tokens = load(folder.path()).unwrap().chat(&messages, None).unwrap();
    assert_eq!(tokens[..3], [259, 91, 117]);
    fs::write(folder.path().join("chat_template.jinja"), "{{ messages[0].content }}!").unwrap();
    assert_eq!(text(&folder), "a!");
    let several = json!({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}],
        "eos_token": {"content": "<|end|>", "lstrip": false}});
    fs::remove_file(folder.path().join("chat_template.jinja")).unwrap();
    fs::write(folder.path().join("tokenizer_config.json"), several.to_string()).unwrap();
    assert_eq!(text(&folder), "d");
    fs::remove_file(folder.path().join("tokenizer_config.json")).unwrap();
    let model = load(folder.path()).unwrap();
    assert_eq!(model.chat(&messages, None).unwrap_err().code(), "llm-template-missing");
}

#[test]
fn missing_and_wrong_tensors_are_named() {
    let change = |field: &str, value: serde_json::Value| {
        let folder = written(1);
        let mut config = config();
        config[field] = value;
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        load(folder.path()).err().unwrap()
    };
    let found = change("num_hidden_layers", json!(3));
    assert_eq!(
        found,
        Error::TensorMissing { tensor: "model.layers.2.input_layernorm.weight".to_owned() }
    );
    assert_eq!(change("num_hidden_layers", json!(1)).code(), "llm-tensor-unexpected");
    assert_eq!(change("intermediate_size", json!(17)).code(), "llm-tensor-shape");
    assert_eq!(change("model_type", json!("qwen2")).code(), "llm-tensor-missing");
    // The head is there again, as in files of tied models; that changes nothing.
    let folder = written(1);
    let mut tied = config();
    tied["tie_word_embeddings"] = json!(true);
    fs::write(folder.path().join("config.json"), tied.to_string()).unwrap();
    assert!(load(folder.path()).is_ok());
}

#[test]
fn an_index_that_leads_out_is_refused() {
    for name in [
        "../model.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        ".hidden.safetensors",
        "..",
        "",
        "a.bin",
    ] {
        let folder = written(2);
        let index = json!({"weight_map": {"lm_head.weight": name}});
        fs::write(folder.path().join(INDEX), index.to_string()).unwrap();
        assert_eq!(code(folder.path()), "llm-index-escapes", "{name}");
    }
}

#[test]
fn broken_files_are_refused_by_name() {
    let broken = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let folder = written(1);
        let path = folder.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        code(folder.path())
    };
    assert_eq!(broken(SINGLE, &|bytes| bytes.truncate(100)), "llm-unreadable");
    assert_eq!(broken(SINGLE, &|bytes| bytes.truncate(4)), "llm-unreadable");
    assert_eq!(broken(SINGLE, &|bytes| bytes.push(0)), "llm-weights-invalid");
    assert_eq!(
        broken(SINGLE, &|bytes| {
            bytes.pop();
        }),
        "llm-weights-invalid"
    );
    assert_eq!(broken(SINGLE, &|bytes| bytes[7] = 1), "llm-weights-invalid");
    assert_eq!(broken(SINGLE, &|bytes| bytes[8] = b'['), "llm-weights-invalid");
    assert_eq!(broken("tokenizer.json", &|bytes| bytes.clear()), "llm-tokenizer");
    assert_eq!(broken("config.json", &|bytes| bytes.clear()), "llm-config-invalid");
    assert_eq!(broken("tokenizer_config.json", &|bytes| bytes.clear()), "llm-config-invalid");
    let folder = written(1);
    fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    assert_eq!(code(folder.path()), "llm-unreadable");
}

#[test]
fn other_numbers_are_refused() {
    let folder = written(1);
    let bytes = fs::read(folder.path().join(SINGLE)).unwrap();
    let text = String::from_utf8_lossy(&bytes[8..]).find("F32").unwrap();
    let mut changed = bytes;
    changed[8 + text..8 + text + 3].copy_from_slice(b"I32");
    fs::write(folder.path().join(SINGLE), changed).unwrap();
    assert_eq!(code(folder.path()), "llm-tensor-dtype");
}
