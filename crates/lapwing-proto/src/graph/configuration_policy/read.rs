//! From the catalog's instances to the leaves of the CSP.

use lapwing_core::{csp::Tree, policy::Setting};
use serde::Deserialize;
use serde_json::Value;

use super::catalog::{Definition, Shape};
use super::error::CatalogError;

/// An element of `settings`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    setting_instance: Instance,
}

/// `deviceManagementConfigurationSettingInstance`, of which a policy has one kind or the other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    setting_definition_id: String,
    choice_setting_value: Option<Choice>,
    simple_setting_value: Option<Simple>,
}

#[derive(Deserialize)]
struct Choice {
    value: String,
    children: Option<Vec<Instance>>,
}

#[derive(Deserialize)]
struct Simple {
    value: Value,
}

/// What the settings come to on a device: the leaves of the CSP.
///
/// # Errors
/// [`CatalogError`] at the first setting that is not of LAPS, misplaced, doubled, or of a value that is not supported.
pub fn read_settings(settings: &[Value]) -> Result<Tree, CatalogError> {
    let mut values = Vec::new();
    for element in settings {
        let element = Element::deserialize(element).map_err(|_| CatalogError::Malformed)?;
        read(element.setting_instance, None, &mut values)?;
    }
    // Each value was checked, and none is there twice.
    Tree::holding(values).map_err(|_| CatalogError::Malformed)
}

fn read(
    instance: Instance,
    under: Option<(Setting, &str)>,
    values: &mut Vec<(Setting, String)>,
) -> Result<(), CatalogError> {
    let definition = Definition::find(&instance.setting_definition_id)?;
    if !definition.belongs(under) {
        return Err(definition.misplaced());
    }
    let setting = definition.setting;
    if values.iter().any(|(known, _)| *known == setting) {
        return Err(CatalogError::Doubled { id: definition.id() });
    }
    let wrong = || CatalogError::Unsupported { id: definition.id(), supported: form(definition).to_owned() };
    match (definition.shape(), instance.choice_setting_value, instance.simple_setting_value) {
        (Shape::Choice, Some(choice), None) => {
            let option = option_of(definition, &choice.value).ok_or_else(wrong)?;
            let value = definition.checked(option)?;
            values.push((setting, value.clone()));
            for child in choice.children.into_iter().flatten() {
                read(child, Some((setting, &value)), values)?;
            }
        }
        (Shape::Integer, None, Some(simple)) => {
            let text = match &simple.value {
                Value::Number(number) => number.to_string(),
                Value::String(text) => text.clone(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(wrong()),
            };
            values.push((setting, definition.checked(&text)?));
        }
        (Shape::Text, None, Some(simple)) => {
            let text = simple.value.as_str().ok_or_else(wrong)?;
            values.push((setting, definition.checked(text)?));
        }
        (Shape::Choice | Shape::Integer | Shape::Text, _, _) => return Err(wrong()),
    }
    Ok(())
}

/// What follows the definition's id in an option's.
fn option_of<'a>(definition: &Definition, value: &'a str) -> Option<&'a str> {
    let id = definition.id();
    let (start, option) = value.split_at_checked(id.len())?;
    start.eq_ignore_ascii_case(&id).then_some(option)?.strip_prefix('_')
}

fn form(definition: &Definition) -> &'static str {
    match definition.shape() {
        Shape::Choice => "one of its options",
        Shape::Integer => "a number",
        Shape::Text => "a text",
    }
}
