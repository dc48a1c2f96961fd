"""Forty products as XML, seven a page; a page behind the last one is empty."""

from xml.sax.saxutils import escape, quoteattr

from werkzeug.wrappers import Response

from fivetran_emulator.practice import Bearer, Listed, PageNumber, Request, Source

PRODUCTS = [
    {"id": f"p{number}", "name": f"Größe {number} <klein> & fein", "price": f"{number}.50"}
    for number in range(40)
]

source = Source(access=Bearer("practice-token"))
products = source.rows("products", PRODUCTS)


@source.route("/products.xml")
def list_products(request: Request) -> Response:
    """A page of them."""
    page = PageNumber(size=7).page(Listed(products.listed(), products.identity, source.cap), request)
    listed = "".join(
        f"<product id={quoteattr(str(row['id']))}>"
        + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in row.items() if name != "id")
        + "</product>"
        for row in page.rows
    )
    return Response(f'<?xml version="1.0"?><products>{listed}</products>', content_type="application/xml")


secrets = {"token": "practice-token", "url": "{url}"}
