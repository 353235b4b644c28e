use super::*;

fn fill(source: &str, messages: &str) -> Result<String, Error> {
    let messages: Value = serde_json::from_str(messages).unwrap();
    let tokens = [("bos_token".to_owned(), "<s>".to_owned())];
    let filling = Filling { messages: &messages, tools: None, begin: true, tokens: &tokens };
    Template::read(source)?.fill(&filling)
}

const HELLO: &str =
    r#"[{"role": "system", "content": "Be brief."}, {"role": "user", "content": " Hi "}]"#;

#[test]
fn a_conversation_becomes_a_text() {
    let source = "{{ bos_token }}\n{%- for message in messages %}\n    {% if message.role == 'user' %}\n[{{ message['content'].strip() }}]\n    {% else %}\n{{ message.role | upper }}: {{ message.content | trim }}\n    {% endif %}\n{% endfor %}\n{% if add_generation_prompt %}>{% endif %}";
    assert_eq!(fill(source, HELLO).unwrap(), "<s>SYSTEM: Be brief.\n[Hi]\n>");
}

#[test]
fn a_template_may_refuse_in_its_own_words() {
    let source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role: ' ~ messages[0].role) }}{% endif %}";
    let refused = fill(source, HELLO).unwrap_err();
    assert_eq!(refused, Error::TemplateRefuses { why: "no system role: system".to_owned() });
}

#[test]
fn values_print_as_in_python() {
    let source = "{{ true }} {{ none }} {{ 1 == 2 }} {{ 0.00001 }} {{ missing }} {{ 7 // 2 }} {{ {'b': 1, 'a': [1.0, 'é\"<']} | tojson }}";
    assert_eq!(
        fill(source, "[]").unwrap(),
        "True None False 1e-05  3 {\"b\": 1, \"a\": [1.0, \"é\\\"<\"]}"
    );
    let source = "{{ [[], {}, {'a': [1, 2]}] | tojson(indent=2) }}";
    assert_eq!(
        fill(source, "[]").unwrap(),
        "[\n  [],\n  {},\n  {\n    \"a\": [\n      1,\n      2\n    ]\n  }\n]"
    );
    assert!(fill("{{ {} | tojson(sort_keys=true) }}", "[]").is_err());
}

#[test]
fn the_order_of_keys_is_kept() {
    assert_eq!(
        fill("{{ messages | tojson }}", r#"[{"z": 1, "a": 2}]"#).unwrap(),
        r#"[{"z": 1, "a": 2}]"#
    );
}

#[test]
fn there_is_no_clock() {
    assert_eq!(
        fill("{% if strftime_now is defined %}now{% else %}then{% endif %}", "[]").unwrap(),
        "then"
    );
    assert_eq!(fill("{{ strftime_now('%Y') }}", "[]").unwrap_err().code(), "llm-template-failed");
}

#[test]
fn a_template_that_does_not_end_is_ended() {
    for source in [
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{% for a in range(99999) %}{{ 'x' * 10000 }}{% endfor %}",
        "{{ 'x' * 99999999 }}",
        "{% set ns = namespace(x='x') %}{% for a in range(9999999999) %}{% endfor %}",
    ] {
        let found = fill(source, "[]").unwrap_err();
        assert_eq!(found.code(), "llm-template-failed", "{source}");
    }
    assert_eq!(fill("{% if %}", "[]").unwrap_err().code(), "llm-template-invalid");
    assert_eq!(
        fill(&" ".repeat(MOST_SOURCE + 1), "[]").unwrap_err().code(),
        "llm-template-invalid"
    );
}
