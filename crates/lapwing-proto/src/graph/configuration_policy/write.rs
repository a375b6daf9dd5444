//! From the leaves of the CSP to the catalog's instances.

use lapwing_core::{csp::Tree, policy::Setting};
use serde_json::{Value, json};

use super::catalog::{CATALOG, Definition, Shape};
use super::error::CatalogError;

const TYPE: &str = "#microsoft.graph.deviceManagementConfiguration";

/// The settings that set these leaves, in the order of the template.
///
/// # Errors
/// [`CatalogError::Misplaced`] for a leaf that means nothing beside the others, for the catalog has no place for it;
/// [`CatalogError::Unsupported`] for a value that no policy may have.
pub fn write_settings(tree: &Tree) -> Result<Vec<Value>, CatalogError> {
    let values: Vec<(Setting, &str)> = tree.values().collect();
    let mut written = Vec::new();
    let instances = write(&values, None, &mut written)?;
    if let Some((left, _)) = values.iter().find(|(setting, _)| !written.contains(setting)) {
        return Err(CATALOG
            .iter()
            .find(|definition| definition.setting == *left)
            .map_or(CatalogError::Unknown { id: left.name().to_owned() }, Definition::misplaced));
    }
    let element =
        |(at, instance): (usize, Value)| json!({ "id": at.to_string(), "settingInstance": instance });
    Ok(instances.into_iter().enumerate().map(element).collect())
}

/// The leaves that mean nothing beside the others, each with where the catalog has its place, in words.
#[must_use]
pub fn misplaced(tree: &Tree) -> Vec<(Setting, String)> {
    let is_placed = |setting: Setting| {
        let mut ways = CATALOG.iter().filter(|definition| definition.setting == setting);
        ways.any(|definition| match definition.parent {
            None => true,
            Some((parent, options)) => tree.value(parent).is_some_and(|value| options.contains(&value)),
        })
    };
    let place = |setting: Setting| {
        let ways = CATALOG.iter().filter(|definition| definition.setting == setting);
        ways.map(Definition::place).collect::<Vec<_>>().join(" or ")
    };
    let left = tree.values().map(|(setting, _)| setting).filter(|setting| !is_placed(*setting));
    left.map(|setting| (setting, place(setting))).collect()
}

/// The instances at the top, or under an option.
fn write(
    values: &[(Setting, &str)],
    under: Option<(Setting, &str)>,
    written: &mut Vec<Setting>,
) -> Result<Vec<Value>, CatalogError> {
    let mut instances = Vec::new();
    for definition in CATALOG.iter().filter(|definition| definition.belongs(under)) {
        if let Some((setting, data)) = values.iter().find(|(setting, _)| *setting == definition.setting) {
            written.push(*setting);
            instances.push(instance(definition, &definition.checked(data)?, values, written)?);
        }
    }
    Ok(instances)
}

fn instance(
    definition: &Definition,
    value: &str,
    values: &[(Setting, &str)],
    written: &mut Vec<Setting>,
) -> Result<Value, CatalogError> {
    let id = definition.id();
    let instance_template =
        definition.templates.map(|(instance, _)| json!({ "settingInstanceTemplateId": instance }));
    let value_template = definition
        .templates
        .map(|(_, value)| json!({ "settingValueTemplateId": value, "useTemplateDefault": false }));
    let simple = |kind: &str, value: Value| {
        json!({
            "@odata.type": format!("{TYPE}SimpleSettingInstance"),
            "settingDefinitionId": id,
            "settingInstanceTemplateReference": instance_template,
            "simpleSettingValue": {
                "@odata.type": format!("{TYPE}{kind}SettingValue"),
                "value": value,
                "settingValueTemplateReference": value_template,
            },
        })
    };
    Ok(match definition.shape() {
        Shape::Text => simple("String", json!(value)),
        Shape::Integer => simple("Integer", json!(value.parse::<u16>().unwrap_or_default())),
        Shape::Choice => json!({
            "@odata.type": format!("{TYPE}ChoiceSettingInstance"),
            "settingDefinitionId": id,
            "settingInstanceTemplateReference": instance_template,
            "choiceSettingValue": {
                "value": format!("{id}_{value}"),
                "children": write(values, Some((definition.setting, value)), written)?,
                "settingValueTemplateReference": value_template,
            },
        }),
    })
}
