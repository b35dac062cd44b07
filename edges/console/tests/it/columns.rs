//! The columns of a list are chosen in its address.
//! What a column shows is tested in `pages`.

use axum::http::StatusCode;

use crate::browser::World;
use crate::fake::TENANT;

fn head(html: &str) -> &str {
    let begin = html.find("<thead>").unwrap();
    &html[begin..begin + html[begin..].find("</thead>").unwrap()]
}

#[tokio::test]
async fn columns_of_a_list_are_left_out_by_its_address_and_filters_and_pages_keep_the_choice() {
    let world = World::new().await;
    let mut browser = world.operator().await;
    let whole = browser.get("/payments").await.html;
    assert!(head(&whole).contains("Tenant") && head(&whole).contains("Date"), "{whole}");
    assert!(whole.contains("href=\"/payments?hide=Tenant\"") && !whole.contains("hide=ID"), "{whole}");

    let address = format!("/payments?hide=Tenant%2CDate&tenantId={TENANT}");
    let shown = browser.get(&address).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(!head(&shown.html).contains("Tenant") && !head(&shown.html).contains("Date"), "{}", shown.html);
    let row = shown.html.split("<tbody>").nth(1).unwrap().split("</tr>").next().unwrap();
    assert_eq!(row.matches("<td").count(), 5, "{row}");
    let shows_date_again = format!("href=\"/payments?tenantId={TENANT}&amp;hide=Tenant\"");
    let shows_date_again_too = shows_date_again.replace("&amp;", "&#38;");
    assert!(shown.html.contains(&shows_date_again) || shown.html.contains(&shows_date_again_too), "{}", shown.html);
    assert!(shown.html.contains("name=\"hide\" value=\"Tenant,Date\""), "a filter keeps the choice");

    let unknown = browser.get("/payments?hide=Nothing,ID").await;
    assert!(unknown.status == StatusCode::OK && head(&unknown.html).contains("ID"), "{}", unknown.html);
    let file = browser.get("/export/payments?hide=Tenant").await.html;
    assert!(file.lines().next().unwrap().contains("tenantId"), "a file has all columns");
}
