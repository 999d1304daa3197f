/* One Gaussian at one pixel, premultiplied; blended back to front. place: position in standard deviations. */
void main()
{
  float alpha = min(tint.a * exp(-0.5 * dot(place, place)), 0.999);
  if (alpha < 1.0 / 255.0) {
    discard;
  }
  splat_color = vec4(tint.rgb * alpha, alpha);
  splat_depth = vec4(view_depth * alpha, 0.0, 0.0, alpha);
}
