use super::*;

fn read(extra: serde_json::Value) -> Result<Config, Error> {
    let mut json = serde_json::json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4,
        "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 512,
        "unknown_to_us": [1, 2],
    });
    for (name, value) in extra.as_object().unwrap() {
        json[name] = value.clone();
    }
    Config::read(json.to_string().as_bytes())
}

fn code(extra: serde_json::Value) -> &'static str {
    read(extra).unwrap_err().code()
}

#[test]
fn a_llama_has_the_defaults_of_its_family() {
    let config = read(serde_json::json!({})).unwrap();
    assert_eq!((config.head_dim, config.heads, config.kv_heads, config.layers()), (8, 8, 2, 4));
    assert_eq!(
        (config.qkv_bias, config.output_bias, config.qk_norm, config.inner_bias),
        (false, false, false, false)
    );
    assert_eq!(config.head, Head::Own);
    assert_eq!(config.rope, Rope { theta: 10_000.0, scaling: None });
    assert_eq!(config.windows, [None; 4]);
    assert!(config.ends.is_empty());
    let biased = read(
        serde_json::json!({"attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true}),
    )
    .unwrap();
    assert_eq!((biased.qkv_bias, biased.output_bias, biased.inner_bias), (true, true, true));
    assert_eq!(biased.head, Head::Tied);
}

#[test]
fn biases_and_norms_follow_the_family() {
    let qwen2 =
        read(serde_json::json!({"model_type": "qwen2", "attention_bias": false, "mlp_bias": true}))
            .unwrap();
    assert_eq!(
        (qwen2.qkv_bias, qwen2.output_bias, qwen2.inner_bias, qwen2.qk_norm),
        (true, false, false, false)
    );
    let qwen3 = read(serde_json::json!({"model_type": "qwen3"})).unwrap();
    assert_eq!(
        (qwen3.qkv_bias, qwen3.output_bias, qwen3.qk_norm, qwen3.head_dim),
        (false, false, true, 128)
    );
    let mistral =
        read(serde_json::json!({"model_type": "mistral", "attention_bias": true})).unwrap();
    assert_eq!((mistral.qkv_bias, mistral.output_bias), (false, false));
}

#[test]
fn windows_follow_the_family() {
    let windows = |extra| read(extra).unwrap().windows;
    assert_eq!(windows(serde_json::json!({"model_type": "mistral"})), [Some(4096); 4]);
    assert_eq!(
        windows(serde_json::json!({"model_type": "mistral", "sliding_window": null})),
        [None; 4]
    );
    assert_eq!(
        windows(serde_json::json!({"model_type": "mistral", "sliding_window": 9})),
        [Some(9); 4]
    );
    assert_eq!(windows(serde_json::json!({"model_type": "llama", "sliding_window": 9})), [None; 4]);
    let qwen = |used: bool| {
        serde_json::json!({
        "model_type": "qwen2", "sliding_window": 9, "use_sliding_window": used, "max_window_layers": 3})
    };
    assert_eq!(windows(qwen(false)), [None; 4]);
    assert_eq!(windows(qwen(true)), [None, None, None, Some(9)]);
    let typed = serde_json::json!({"model_type": "qwen3", "sliding_window": 9, "use_sliding_window": true,
        "layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]});
    assert_eq!(windows(typed), [None, Some(9), None, Some(9)]);
    assert_eq!(code(serde_json::json!({"layer_types": ["full_attention"]})), "llm-config-invalid");
    assert_eq!(
        code(serde_json::json!({"layer_types": ["linear_attention", "a", "b", "c"]})),
        "llm-feature-unsupported"
    );
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    assert_eq!(code(serde_json::json!({"model_type": "gemma2"})), "llm-family-unsupported");
    for (field, value) in [
        ("hidden_act", serde_json::json!("gelu")),
        ("quantization_config", serde_json::json!({"bits": 4})),
        ("partial_rotary_factor", serde_json::json!(0.5)),
        ("rope_scaling", serde_json::json!({"type": "yarn", "factor": 4.0})),
        ("rope_scaling", serde_json::json!({"rope_type": "linear", "factor": 4.0})),
    ] {
        assert_eq!(code(serde_json::json!({ field: value })), "llm-feature-unsupported", "{field}");
    }
    for (field, value) in [
        ("hidden_size", serde_json::json!(0)),
        ("hidden_size", serde_json::json!(-4)),
        ("hidden_size", serde_json::json!(4_000_000_000_u32)),
        ("hidden_size", serde_json::json!("64")),
        ("num_key_value_heads", serde_json::json!(3)),
        ("num_attention_heads", serde_json::json!(0)),
        ("head_dim", serde_json::json!(7)),
        ("rms_norm_eps", serde_json::json!(0)),
        ("rope_theta", serde_json::json!(0)),
        ("rope_scaling", serde_json::json!({"rope_type": "llama3", "factor": 4.0})),
        ("eos_token_id", serde_json::json!("</s>")),
    ] {
        assert_eq!(code(serde_json::json!({ field: value })), "llm-config-invalid", "{field}");
    }
    assert_eq!(Config::read(b"{").unwrap_err().code(), "llm-config-invalid");
}

#[test]
fn the_turns_of_llama3_are_those_of_the_paper() {
    let rope = |rope| {
        read(serde_json::json!({ "rope_theta": 500000.0, "head_dim": 128, "rope_scaling": rope }))
            .unwrap()
            .rope
    };
    let plain = rope(serde_json::json!(null)).frequencies(128);
    let llama = serde_json::json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192});
    let scaled = rope(llama).frequencies(128);
    assert_eq!(plain.len(), 64);
    assert_eq!(plain[0], 1.0);
    assert_eq!(scaled[..28], plain[..28]); // wavelengths below 8192 / 4
    assert!(scaled[36..].iter().zip(&plain[36..]).all(|(scaled, plain)| *scaled == plain / 8.0));
    assert!(scaled[32] < plain[32] && scaled[32] > plain[32] / 8.0);
}

#[test]
fn newer_files_nest_the_base() {
    let nested =
        serde_json::json!({"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}});
    assert_eq!(read(nested).unwrap().rope, Rope { theta: 1e6, scaling: None });
    let one = read(serde_json::json!({"eos_token_id": 2})).unwrap();
    assert_eq!(one.ends, BTreeSet::from([2]));
    let many = read(serde_json::json!({"eos_token_id": [2, 5]})).unwrap();
    assert_eq!(many.ends, BTreeSet::from([2, 5]));
    assert_eq!(
        read_ends(b"{\"eos_token_id\": [7], \"temperature\": 0.6}").unwrap(),
        BTreeSet::from([7])
    );
}
